// A function made with aws-lambda-go: it does what the event says.
package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	Name string `json:"name"`
	Sign int    `json:"sign"`
}

type answer struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Value string `json:"value"`
	Left  bool   `json:"left"`
}

func handle(ctx context.Context, e event) (any, error) {
	about, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	switch e.Do {
	case "fail":
		return nil, errors.New("as you wish")
	case "panic":
		panic("as you wish")
	case "hang":
		time.Sleep(time.Hour)
	case "stream":
		return stream(e), nil
	}
	return answer{about.AwsRequestID, lambdacontext.FunctionName, os.Getenv(e.Name), time.Until(deadline) > 0}, nil
}

// The second part comes when the test has seen the first.
func stream(e event) *events.LambdaFunctionURLStreamingResponse {
	reader, writer := io.Pipe()
	go func() {
		io.WriteString(writer, "first ")
		for {
			if there, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(e.Sign)); err == nil {
				there.Close()
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		io.WriteString(writer, "second")
		writer.Close()
	}()
	return &events.LambdaFunctionURLStreamingResponse{
		StatusCode: 203, Headers: map[string]string{"Content-Type": "text/plain"}, Body: reader}
}

func main() {
	lambda.Start(handle)
}
