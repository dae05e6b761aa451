package main

// S3: uploads of streams in one piece and in parts with each checksum, presigned URLs, copies, lists.

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func objects(c aws.Config) *s3.Client {
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
}

func fetch(request *http.Request) (int, []byte) {
	answer := must(http.DefaultClient.Do(request))
	defer answer.Body.Close()
	return answer.StatusCode, must(io.ReadAll(answer.Body))
}

func storage(c aws.Config, _ []string) {
	client := objects(c)
	bucket, key := aws.String("go-objects"), aws.String("deep/a b+ü.bin")
	must(client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	check(s3.NewBucketExistsWaiter(client).Wait(ctx, &s3.HeadBucketInput{Bucket: bucket}, time.Minute))
	content := make([]byte, 17<<20)
	must(rand.Read(content))
	// A stream without a known length, in parts, with each checksum.
	for _, algorithm := range []s3types.ChecksumAlgorithm{"", "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		must(manager.NewUploader(client).Upload(ctx, &s3.PutObjectInput{
			Bucket: bucket, Key: key, Body: io.MultiReader(bytes.NewReader(content)), ChecksumAlgorithm: algorithm}))
		buffer := manager.NewWriteAtBuffer(nil)
		must(manager.NewDownloader(client).Download(ctx, buffer, &s3.GetObjectInput{Bucket: bucket, Key: key}))
		assert(bytes.Equal(buffer.Bytes(), content), algorithm)
	}
	must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("small"), Body: strings.NewReader("small"),
		Metadata: map[string]string{"a": "b"}, ContentType: aws.String("text/x")}))
	got := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("small"), ChecksumMode: "ENABLED"}))
	assert(string(must(io.ReadAll(got.Body))) == "small" && got.Metadata["a"] == "b" && got.ChecksumCRC32 != nil, got)
	presigned(client, bucket)
	must(client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("zcopy"),
		CopySource: aws.String(*bucket + "/small"), ChecksumAlgorithm: s3types.ChecksumAlgorithmSha256}))
	pages, found := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(1)}), []string{}
	for pages.HasMorePages() {
		for _, object := range must(pages.NextPage(ctx)).Contents {
			found = append(found, *object.Key)
		}
	}
	assert(strings.Join(found, "|") == *key+"|put|small|zcopy", found)
	_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")})
	var absent *s3types.NoSuchKey
	assert(errors.As(err, &absent), err)
	objects := []s3types.ObjectIdentifier{}
	for i := range found {
		objects = append(objects, s3types.ObjectIdentifier{Key: &found[i]})
	}
	must(client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &s3types.Delete{Objects: objects}}))
	must(client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket}))
}

func presigned(client *s3.Client, bucket *string) {
	signer := s3.NewPresignClient(client)
	put := must(signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("put")}))
	request := must(http.NewRequest(put.Method, put.URL, strings.NewReader("presigned")))
	status, body := fetch(request)
	assert(status == 200, string(body))
	get := must(signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("put"),
		ResponseContentType: aws.String("text/y")}, s3.WithPresignExpires(time.Minute)))
	status, body = fetch(must(http.NewRequest(get.Method, get.URL, nil)))
	assert(status == 200 && string(body) == "presigned", string(body))
	late := must(signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("put")}, s3.WithPresignExpires(time.Minute),
		func(o *s3.PresignOptions) { o.Presigner = past{o.Presigner} }))
	status, body = fetch(must(http.NewRequest(late.Method, late.URL, nil)))
	assert(status == 403 && strings.Contains(string(body), "Request has expired"), string(body))
}

// Signs as if it were an hour ago.
type past struct{ s3.HTTPPresignerV4 }

func (p past) PresignHTTP(ctx context.Context, credentials aws.Credentials, r *http.Request, hash, service, region string,
	at time.Time, options ...func(*v4.SignerOptions)) (string, http.Header, error) {
	return p.HTTPPresignerV4.PresignHTTP(ctx, credentials, r, hash, service, region, at.Add(-time.Hour), options...)
}

func uploads(c aws.Config, _ []string) {
	client, bucket := objects(c), aws.String("go-parts")
	must(client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket}))
	pieces := [][]byte{make([]byte, 5<<20), make([]byte, 1000)}
	for _, piece := range pieces {
		must(rand.Read(piece))
	}
	for algorithm, kind := range map[s3types.ChecksumAlgorithm]s3types.ChecksumType{
		"CRC32": "FULL_OBJECT", "CRC32C": "COMPOSITE", "CRC64NVME": "FULL_OBJECT", "SHA1": "COMPOSITE", "SHA256": "COMPOSITE"} {
		key := aws.String(string(algorithm) + "/ü")
		upload := must(client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
			Bucket: bucket, Key: key, ChecksumAlgorithm: algorithm, ChecksumType: kind})).UploadId
		done := []s3types.CompletedPart{}
		for i, piece := range pieces {
			part := must(client.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: key, UploadId: upload,
				PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(piece), ChecksumAlgorithm: algorithm}))
			done = append(done, s3types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: part.ETag,
				ChecksumCRC32: part.ChecksumCRC32, ChecksumCRC32C: part.ChecksumCRC32C, ChecksumCRC64NVME: part.ChecksumCRC64NVME,
				ChecksumSHA1: part.ChecksumSHA1, ChecksumSHA256: part.ChecksumSHA256})
		}
		must(client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: key, UploadId: upload,
			MultipartUpload: &s3types.CompletedMultipartUpload{Parts: done}}))
		told := must(client.GetObjectAttributes(ctx, &s3.GetObjectAttributesInput{Bucket: bucket, Key: key,
			ObjectAttributes: []s3types.ObjectAttributes{"Checksum", "ObjectParts", "ObjectSize"}}))
		assert(told.Checksum.ChecksumType == kind && *told.ObjectParts.TotalPartsCount == 2 && *told.ObjectSize == 5<<20+1000, told)
		got := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key, ChecksumMode: "ENABLED"}))
		assert(bytes.Equal(must(io.ReadAll(got.Body)), bytes.Join(pieces, nil)), algorithm)
	}
	refused("NoSuchUpload")(client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: bucket, Key: aws.String("none"), UploadId: aws.String("none")}))
}
