// The Node.js runtime of Lambda functions: asks the Runtime API for events, calls the handler, sends its answers.
// Handlers may be CommonJS or ES modules, call back, return promises, or stream (awslambda.streamifyResponse).

import net from 'node:net';
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Writable } from 'node:stream';
import util from 'node:util';

const prefix = '/2018-06-01/runtime/';
const root = process.env.LAMBDA_TASK_ROOT || '/var/task';
const jsonLogs = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');
const levels = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, fatal: 5 };
let requestId = '';

// One kept connection, one request at a time.
class RuntimeApi {
  constructor(address) {
    const at = address.lastIndexOf(':');
    this.address = address;
    this.socket = net.connect(Number(address.slice(at + 1)), address.slice(0, at));
    this.socket.setNoDelay(true);
    this.bytes = Buffer.alloc(0);
    this.waits = null;
    this.socket.on('data', (more) => {
      this.bytes = this.bytes.length ? Buffer.concat([this.bytes, more]) : more;
      this.take();
    });
    this.socket.on('close', () => process.exit(0)); // the environment is over
    this.socket.on('error', () => process.exit(0));
  }

  take() {
    const end = this.bytes.indexOf('\r\n\r\n');
    if (end < 0 || !this.waits) return;
    const headers = {};
    for (const line of this.bytes.toString('latin1', 0, end).split('\r\n').slice(1)) {
      const colon = line.indexOf(': ');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 2);
    }
    const total = end + 4 + Number(headers['content-length'] || 0);
    if (this.bytes.length < total) return;
    const answer = { headers, body: this.bytes.subarray(end + 4, total) };
    const waits = this.waits;
    this.bytes = this.bytes.subarray(total);
    this.waits = null;
    waits(answer);
  }

  head(method, where, headers) {
    const lines = [`${method} ${prefix}${where} HTTP/1.1`, `Host: ${this.address}`];
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    return lines.join('\r\n') + '\r\n\r\n';
  }

  call(method, where, body, headers = {}) {
    const answer = new Promise((resolve) => { this.waits = resolve; });
    if (body !== undefined) headers['Content-Length'] = Buffer.byteLength(body);
    this.socket.write(this.head(method, where, headers));
    if (body !== undefined) this.socket.write(body);
    return answer;
  }

  // A body whose pieces leave as they come; end() answers the promise of the answer.
  stream(where, contentType) {
    const api = this;
    let begun = false;
    const stream = new Writable({
      write(chunk, encoding, done) {
        stream.begin();
        const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk, encoding);
        if (bytes.length === 0) return done();
        api.socket.write(`${bytes.length.toString(16)}\r\n`);
        api.socket.write(bytes);
        api.socket.write('\r\n', done);
      },
    });
    let type = contentType;
    stream.setContentType = (wanted) => { type = wanted; };
    stream.begin = () => {
      if (begun) return;
      begun = true;
      api.socket.write(api.head('POST', where, {
        'Transfer-Encoding': 'chunked', 'Content-Type': type, 'Lambda-Runtime-Function-Response-Mode': 'streaming',
        Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body',
      }));
    };
    stream.finished = (error) => {
      stream.begin();
      const answer = new Promise((resolve) => { api.waits = resolve; });
      let trailers = '';
      if (error) {
        const body = Buffer.from(JSON.stringify(describe(error))).toString('base64');
        trailers = `Lambda-Runtime-Function-Error-Type: ${describe(error).errorType}\r\n`
          + `Lambda-Runtime-Function-Error-Body: ${body}\r\n`;
      }
      api.socket.write(`0\r\n${trailers}\r\n`);
      return answer;
    };
    return stream;
  }
}

// All of it, at once and in order: standard output may be a full pipe that does not block.
function writeLine(text) {
  let bytes = Buffer.from(text + '\n');
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(fs.writeSync(1, bytes));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

// The log: one event a call, tab-separated or as JSON.
function installConsole() {
  const least = levels[(process.env.AWS_LAMBDA_LOG_LEVEL || (jsonLogs ? 'INFO' : 'TRACE')).toLowerCase()] ?? 0;
  const names = { trace: 'trace', debug: 'debug', log: 'info', info: 'info', warn: 'warn', error: 'error', fatal: 'fatal' };
  for (const [method, level] of Object.entries(names)) {
    console[method] = (...values) => {
      if (levels[level] < least) return;
      const timestamp = new Date().toISOString();
      if (jsonLogs) {
        const record = { timestamp, level: level.toUpperCase(), requestId: requestId || undefined };
        const plain = values.length === 1 && typeof values[0] === 'object' && !(values[0] instanceof Error);
        record.message = plain ? values[0] : util.format(...values);
        const failure = values.find((value) => value instanceof Error);
        if (failure) Object.assign(record, describe(failure), { stackTrace: describe(failure).trace, trace: undefined });
        writeLine(JSON.stringify(record));
        return;
      }
      const text = util.format(...values).replace(/\n/g, '\r');
      writeLine(`${timestamp}\t${requestId || 'undefined'}\t${level.toUpperCase()}\t${text}`);
    };
  }
}

function describe(error) {
  if (error instanceof Error || (error && error.stack !== undefined && error.message !== undefined)) {
    return { errorType: error.name || 'Error', errorMessage: error.message, trace: String(error.stack).split('\n') };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

class StartError extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

function findModule(file) {
  for (const extension of ['', '.js', '.mjs', '.cjs']) {
    const name = file + extension;
    if (fs.existsSync(name) && fs.statSync(name).isFile()) return name;
  }
  return null;
}

function isModule(file) {
  if (file.endsWith('.mjs')) return true;
  if (file.endsWith('.cjs')) return false;
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json');
    if (fs.existsSync(manifest)) return JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
    if (folder === path.dirname(folder)) return false;
  }
}

async function loadHandler() {
  const wanted = process.env._HANDLER || '';
  const base = path.basename(wanted);
  const dot = base.indexOf('.');
  if (dot < 0) throw new StartError('Runtime.MalformedHandlerName', 'Bad handler');
  const moduleName = path.join(path.dirname(wanted), base.slice(0, dot));
  const file = findModule(path.resolve(root, moduleName));
  if (!file) throw new StartError('Runtime.ImportModuleError', `Error: Cannot find module '${moduleName}'`);
  let loaded;
  try {
    loaded = isModule(file) ? await import(pathToFileURL(file)) : createRequire(file)(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw new StartError('Runtime.UserCodeSyntaxError', String(error));
    if (error && (error.code === 'MODULE_NOT_FOUND' || error.code === 'ERR_MODULE_NOT_FOUND')) {
      throw new StartError('Runtime.ImportModuleError', String(error));
    }
    throw error;
  }
  const names = base.slice(dot + 1).split('.');
  const pick = (from) => names.reduce((at, name) => (at ? at[name] : undefined), from);
  const handler = pick(loaded) ?? pick(loaded.default);
  if (handler === undefined) throw new StartError('Runtime.HandlerNotFound', `${wanted} is undefined or not exported`);
  if (typeof handler !== 'function') throw new StartError('Runtime.HandlerNotFound', `${wanted} is not a function`);
  return handler;
}

function contextOf(headers, state) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const parse = (text) => (text ? JSON.parse(text) : undefined);
  return {
    get callbackWaitsForEmptyEventLoop() { return state.waits; },
    set callbackWaitsForEmptyEventLoop(value) { state.waits = value; },
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parse(headers['lambda-runtime-client-context']),
    identity: parse(headers['lambda-runtime-cognito-identity']),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => Math.max(deadline - Date.now(), 0),
  };
}

function call(handler, event, context) {
  return new Promise((resolve, reject) => {
    const callback = (error, result) => (error ? reject(error) : resolve(result));
    context.succeed = resolve;
    context.fail = reject;
    context.done = callback;
    const result = handler(event, context, callback);
    if (result && typeof result.then === 'function') result.then(resolve, reject);
    else if (result !== undefined || handler.length < 3) {
      if (handler.length < 3) resolve(result);
    }
  });
}

async function answerStreaming(api, handler, event, context) {
  const stream = api.stream(`invocation/${requestId}/response`, 'application/octet-stream');
  let failure;
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.on('error', (error) => { failure ??= error; });
  try {
    await handler(event, stream, context);
  } catch (error) {
    failure = error;
  }
  // What was written leaves before the end, be it good or bad.
  if (!stream.writableEnded && !stream.destroyed) stream.end();
  await closed;
  if (failure) console.error('Invoke Error', `\t${JSON.stringify(describe(failure))}`);
  await stream.finished(failure);
}

async function answerWhole(api, handler, event, context) {
  let body;
  try {
    const result = await call(handler, event, context);
    body = JSON.stringify(result === undefined ? null : result);
  } catch (error) {
    const document = describe(error);
    console.error('Invoke Error', `\t${JSON.stringify({ ...document, stack: document.trace, trace: undefined })}`);
    await api.call('POST', `invocation/${requestId}/error`, JSON.stringify(document),
      { 'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': document.errorType });
    return;
  }
  await api.call('POST', `invocation/${requestId}/response`, body, { 'Content-Type': 'application/json' });
}

async function serve(api, handler) {
  for (;;) {
    const { headers, body } = await api.call('GET', 'invocation/next');
    requestId = headers['lambda-runtime-aws-request-id'];
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'] || '';
    const context = contextOf(headers, { waits: true });
    const event = JSON.parse(body.toString('utf8'));
    if (handler[streaming]) await answerStreaming(api, handler, event, context);
    else await answerWhole(api, handler, event, context);
  }
}

globalThis.awslambda = {
  streamifyResponse(handler) {
    handler[streaming] = 'response';
    return handler;
  },
  HttpResponseStream: {
    // Status and headers are a JSON text, eight zero bytes behind it, then the body.
    from(stream, prelude) {
      stream.setContentType('application/vnd.awslambda.http-integration-response');
      stream.write(JSON.stringify(prelude));
      stream.write(Buffer.alloc(8));
      return stream;
    },
  },
};

async function failUncaught(api, kind, error) {
  const document = { ...describe(error), errorType: kind === 'exception' ? describe(error).errorType : 'Runtime.UnhandledPromiseRejection' };
  console.error(kind === 'exception' ? 'Uncaught Exception' : 'Unhandled Promise Rejection', `\t${JSON.stringify(document)}`);
  const where = requestId ? `invocation/${requestId}/error` : 'init/error';
  await api.call('POST', where, JSON.stringify(document),
    { 'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': document.errorType });
  process.exit(kind === 'exception' ? 129 : 128);
}

const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);
installConsole();
process.on('uncaughtException', (error) => failUncaught(api, 'exception', error));
process.on('unhandledRejection', (error) => failUncaught(api, 'rejection', error));
let handler;
try {
  handler = await loadHandler();
} catch (error) {
  const document = describe(error);
  console.error('Uncaught Exception', `\t${JSON.stringify({ ...document, stack: document.trace, trace: undefined })}`);
  await api.call('POST', 'init/error', JSON.stringify(document),
    { 'Content-Type': 'application/json', 'Lambda-Runtime-Function-Error-Type': document.errorType });
  process.exit(1);
}
await serve(api, handler);
