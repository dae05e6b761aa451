// The Go SDK against awssim: the first argument names a part, the others are the part's; ends with an error text and status
// 1 at the first thing that is not as it should be.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go"
)

var ctx = context.Background()

var parts = map[string]func(aws.Config, []string){
	"identity": identity, "invocation": invocation, "logs": logs, "network": network, "parts": uploads,
	"policies": policies, "registry": registry, "storage": storage, "task": task,
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func assert(truth bool, what any) {
	if !truth {
		panic(fmt.Sprintf("not as expected: %+v", what))
	}
}

// Whether the call failed with that error of AWS: refused("NoSuchKey")(client.GetObject(…)).
func refused(code string) func(any, error) {
	return func(_ any, err error) {
		var failure smithy.APIError
		assert(errors.As(err, &failure) && failure.ErrorCode() == code, err)
	}
}

func main() {
	defer func() {
		if failure := recover(); failure != nil {
			fmt.Fprintln(os.Stderr, failure, string(debug.Stack()))
			os.Exit(1)
		}
	}()
	parts[os.Args[1]](must(config.LoadDefaultConfig(ctx)), os.Args[2:])
}
