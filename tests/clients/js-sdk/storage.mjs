// S3: uploads of streams in one piece and in parts with each checksum, presigned URLs and forms, versions, copies.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CopyObjectCommand, CreateBucketCommand,
  CreateMultipartUploadCommand, DeleteObjectsCommand, GetObjectAttributesCommand, GetObjectCommand, HeadObjectCommand,
  ListMultipartUploadsCommand, ListObjectVersionsCommand, paginateListObjectsV2, PutBucketVersioningCommand,
  PutObjectCommand, S3Client, UploadPartCommand, UploadPartCopyCommand, waitUntilBucketExists,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { settings } from "./settings.mjs";

export async function storage() {
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  const Bucket = "js-objects", content = randomBytes(12 << 20);
  await s3.send(new CreateBucketCommand({ Bucket }));
  async function same(Key) {
    const got = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.ok(content.equals(await got.Body.transformToByteArray()), Key);
  }
  function* pieces() {
    for (let i = 0; i < content.length; i += 100_000) yield content.subarray(i, i + 100_000);
  }
  for (const ChecksumAlgorithm of [undefined, "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
    const Key = `stream of parts/${ChecksumAlgorithm}+ü`;
    await new Upload({ client: s3, params: { Bucket, Key, Body: Readable.from(pieces()), ChecksumAlgorithm } }).done();
    await same(Key);
    const one = { Bucket, Key: `one/${ChecksumAlgorithm}`, ContentLength: content.length, ChecksumAlgorithm };
    await s3.send(new PutObjectCommand({ ...one, Body: Readable.from(pieces(), { objectMode: false }) }));
    await same(one.Key);
  }
  await presigned(s3, Bucket);
  await s3.send(new PutObjectCommand({ Bucket, Key: "small", Body: "small", Metadata: { color: "green" } }));
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: "small" }))).Metadata.color, "green");
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket, Key: "none" })), { name: "NoSuchKey" });
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  const keys = [];
  for await (const page of paginateListObjectsV2({ client: s3, pageSize: 5 }, { Bucket })) {
    keys.push(...page.Contents.map((o) => ({ Key: o.Key })));
  }
  assert.equal(keys.length, 15);
  const removed = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys } }));
  assert.ok(removed.Deleted.every((d) => d.DeleteMarker) && removed.Deleted.length === 15);
  assert.equal((await s3.send(new ListObjectVersionsCommand({ Bucket }))).DeleteMarkers.length, 15);
}

async function presigned(s3, Bucket) {
  const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket, Key: "presigned" }), { expiresIn: 60 });
  const answer = await fetch(put, { method: "PUT", body: "by url" });
  assert.equal(answer.status, 200, await answer.text());
  const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "presigned", ResponseContentType: "text/y" }));
  const got = await fetch(get);
  assert.equal(await got.text(), "by url");
  assert.equal(got.headers.get("content-type"), "text/y");
  const signingDate = new Date(Date.now() - 3_600_000);
  const late = await fetch(await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: "presigned" }), { expiresIn: 60, signingDate }));
  assert.equal(late.status, 403);
  assert.match(await late.text(), /Request has expired/);
  const { url, fields } = await createPresignedPost(s3, {
    Bucket, Key: "posted", Conditions: [["content-length-range", 1, 5]], Fields: { "Content-Type": "text/z" } });
  for (const [text, status] of [["form", 204], ["larger", 400]]) {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("file", new Blob([text]));
    assert.equal((await fetch(url, { method: "POST", body: form })).status, status, text);
  }
  const posted = await s3.send(new GetObjectCommand({ Bucket, Key: "posted" }));
  assert.deepEqual([await posted.Body.transformToString(), posted.ContentType], ["form", "text/z"]);
}

export async function parts() {
  const s3 = new S3Client({ ...settings, forcePathStyle: true }), Bucket = "js-parts";
  await s3.send(new CreateBucketCommand({ Bucket }));
  await waitUntilBucketExists({ client: s3, maxWaitTime: 20 }, { Bucket });
  const pieces = [randomBytes(5 << 20), randomBytes(1000)];
  for (const [ChecksumAlgorithm, ChecksumType] of [
    ["CRC32", "COMPOSITE"], ["CRC32C", "FULL_OBJECT"], ["CRC64NVME", "FULL_OBJECT"], ["SHA1", "COMPOSITE"], ["SHA256", "COMPOSITE"]]) {
    const Key = `${ChecksumAlgorithm}/ü`, Parts = [], named = `Checksum${ChecksumAlgorithm}`;
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm, ChecksumType }));
    for (const [i, Body] of pieces.entries()) {
      const sent = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: i + 1, Body, ChecksumAlgorithm }));
      Parts.push({ PartNumber: i + 1, ETag: sent.ETag, [named]: sent[named] });
    }
    const done = await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
    assert.equal(done[named].endsWith("-2"), ChecksumType === "COMPOSITE", done[named]);
    const told = await s3.send(new GetObjectAttributesCommand({
      Bucket, Key, ObjectAttributes: ["Checksum", "ObjectParts", "ObjectSize"] }));
    assert.deepEqual([told.Checksum.ChecksumType, told.ObjectParts.TotalPartsCount, told.ObjectSize],
      [ChecksumType, 2, (5 << 20) + 1000]);
    const got = await s3.send(new GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.ok(Buffer.concat(pieces).equals(await got.Body.transformToByteArray()), Key);
    const second = await s3.send(new GetObjectCommand({ Bucket, Key, PartNumber: 2 }));
    assert.ok(pieces[1].equals(await second.Body.transformToByteArray()), Key);
  }
  await copied(s3, Bucket, "CRC32/ü", pieces[0]);
}

async function copied(s3, Bucket, from, content) {
  const CopySource = encodeURIComponent(`${Bucket}/${from}`), Key = "copied";
  await s3.send(new CopyObjectCommand({ Bucket, Key: "whole", CopySource, ChecksumAlgorithm: "SHA256" }));
  assert.ok((await s3.send(new HeadObjectCommand({ Bucket, Key: "whole", ChecksumMode: "ENABLED" }))).ChecksumSHA256);
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const part = { Bucket, Key, UploadId, PartNumber: 1, CopySource, CopySourceRange: "bytes=0-99" };
  const { CopyPartResult } = await s3.send(new UploadPartCopyCommand(part));
  const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
  assert.deepEqual(Uploads.map((u) => u.UploadId), [UploadId]);
  const Parts = [{ PartNumber: 1, ETag: CopyPartResult.ETag }];
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
  const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
  assert.ok(content.subarray(0, 100).equals(await got.Body.transformToByteArray()));
  await assert.rejects(s3.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId })), { name: "NoSuchUpload" });
}
