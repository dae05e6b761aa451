/* test_bootstrap: a function for the tests of the Runtime API, as people write them for provided runtimes: what it does
 * is the first word in its event. Started with arguments it is no function. Started as an extension ("…/extensions/…")
 * it registers and waits. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST = 8 * 1024 * 1024 };

static char answer[MOST];
static int api = -1;

static void dial(void)
{
    const char *address = getenv("AWS_LAMBDA_RUNTIME_API");
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    to.sin_port = htons((in_port_t)atoi(strchr(address, ':') + 1));
    api = socket(AF_INET, SOCK_STREAM, 0);
    if (api < 0 || connect(api, (struct sockaddr *)&to, sizeof(to)) != 0)
        exit(41);
}

static void say(const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(api, text, length);
        if (n <= 0)
            exit(42);
        text += n;
        length -= (size_t)n;
    }
}

/* The whole answer is in `answer`; where its body is. */
static char *hear(void)
{
    size_t have = 0, length;
    char *end = NULL;
    while (!end || have < (size_t)(end + 4 - answer) + length) {
        ssize_t n = read(api, answer + have, MOST - have - 1);
        if (n <= 0)
            exit(43);
        have += (size_t)n;
        answer[have] = 0;
        end = strstr(answer, "\r\n\r\n");
        const char *field = end ? strstr(answer, "Content-Length: ") : NULL;
        length = field ? strtoul(field + 16, NULL, 10) : 0;
    }
    return end + 4;
}

static char *call(const char *method, const char *path, const char *headers, const char *body, size_t length)
{
    char head[1024];
    int n = snprintf(head, sizeof(head), "%s %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", method, path,
                     headers, length);
    say(head, (size_t)n);
    say(body, length);
    return hear();
}

/* Until the runtime, which is told to end, says so. */
static void be_busy(void)
{
    int fd = open("/tmp/busy", O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
}

static void on_terminate(int number)
{
    (void)number;
    int fd = open("/tmp/busy", O_WRONLY | O_CLOEXEC);
    _exit(fd < 0);
}

static void be_extension(void)
{
    char headers[256], id[64] = "";
    if (getenv("BUSY_EXTENSION") && mkfifo("/tmp/busy", 0600) != 0)
        exit(48);
    call("POST", "/2020-01-01/extension/register", "Lambda-Extension-Name: test\r\n",
         "{\"events\":[\"INVOKE\",\"SHUTDOWN\"]}", 32);
    sscanf(strstr(answer, "Lambda-Extension-Identifier: "), "Lambda-Extension-Identifier: %63s", id);
    snprintf(headers, sizeof(headers), "Lambda-Extension-Identifier: %s\r\n", id);
    for (;;) {
        const char *event = call("GET", "/2020-01-01/extension/event/next", headers, "", 0);
        printf("extension %s\n", strstr(event, "SHUTDOWN") ? "SHUTDOWN" : "INVOKE");
        fflush(stdout);
        if (strstr(event, "SHUTDOWN"))
            exit(0);
        if (getenv("BUSY_EXTENSION"))
            be_busy();
    }
}

/* In chunks of its own choice, as streaming runtimes do. */
static void respond_chunked(const char *path)
{
    char head[256];
    int n = snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", path);
    say(head, (size_t)n);
    say("4\r\n\"chu\r\n", 9);
    say("5;x=y\r\nnked\"\r\n0\r\nTrailer: x\r\n\r\n", 31);
    hear();
}

static void respond_large(const char *path, size_t length)
{
    char *body = malloc(length);
    if (!body)
        exit(44);
    memset(body, 'x', length);
    call("POST", path, "", body, length);
    printf("%.12s\n", answer);
    fflush(stdout);
    free(body);
}

static void respond_number(const char *path, long number)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld", number);
    call("POST", path, "", text, (size_t)n);
}

/* What stands in the way of writing there: 0 or an errno. */
static int try_open(const char *name)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

/* How many bytes /tmp takes. */
static long fill(void)
{
    static const char block[4096];
    long all = 0;
    int fd = open("/tmp/filled", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    for (ssize_t n = 1; n > 0; all += n)
        n = write(fd, block, sizeof(block));
    int error = errno;
    close(fd);
    unlink("/tmp/filled");
    return error == ENOSPC ? all + 1 : -error; /* the last write answered -1 */
}

/* Children that want to stay, in sessions of their own. */
static void leave_children(int n)
{
    for (int i = 0; i < n; i++) {
        if (fork() == 0) {
            setsid();
            pause();
        }
    }
}

/* What another environment's Runtime API answers here: an HTTP status. */
static int ask_stranger(int port, const char *path)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[256];
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_port = htons((in_port_t)port);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        return -errno;
    int length = snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    ssize_t n = write(fd, text, (size_t)length) == length ? read(fd, text, sizeof(text) - 1) : -1;
    close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 9 ? atoi(text + 9) : 0;
}

/* True when the event was about the sandbox. */
static bool look_around(const char *path, const char *event)
{
    char name[256];
    if (sscanf(event, "open %255s", name) == 1)
        respond_number(path, try_open(name));
    else if (strcmp(event, "uid") == 0)
        respond_number(path, getuid());
    else if (strcmp(event, "fill") == 0)
        respond_number(path, fill());
    else if (strcmp(event, "port") == 0)
        respond_number(path, atoi(strchr(getenv("AWS_LAMBDA_RUNTIME_API"), ':') + 1));
    else if (sscanf(event, "next %255s", name) == 1)
        respond_number(path, ask_stranger(atoi(name), "/2018-06-01/runtime/invocation/next"));
    else if (sscanf(event, "kill %255s", name) == 1)
        respond_number(path, kill((pid_t)atoi(name), 0) == 0 ? 0 : errno);
    else if (sscanf(event, "fork %255s", name) == 1) {
        leave_children(atoi(name));
        respond_number(path, 0);
    } else
        return false;
    return true;
}

static void work(const char *id, const char *event)
{
    char path[256];
    snprintf(path, sizeof(path), "/2018-06-01/runtime/invocation/%s/response", id);
    if (look_around(path, event))
        return;
    if (strstr(event, "exit"))
        exit(7);
    if (strstr(event, "sleep"))
        pause();
    if (strstr(event, "large"))
        respond_large(path, 7000000);
    else if (strstr(event, "chunked"))
        respond_chunked(path);
    else if (strstr(event, "error")) {
        snprintf(path, sizeof(path), "/2018-06-01/runtime/invocation/%s/error", id);
        call("POST", path, "Lambda-Runtime-Function-Error-Type: Own\r\n", "{\"errorType\":\"Own\"}", 19);
    } else if (strstr(event, "twice")) {
        call("POST", path, "", "1", 1);
        call("POST", path, "", "2", 1);
        printf("%.12s\n", answer);
        fflush(stdout);
    } else if (strstr(event, "unknown")) {
        call("POST", "/2018-06-01/runtime/invocation/none/response", "", "0", 1);
        call("POST", path, "", answer + 9, 3);
    } else {
        char *copy = strdup(event);
        call("POST", path, "Content-Type: application/json\r\n", copy, strlen(copy));
        free(copy);
    }
}

int main(int argc, char *argv[])
{
    char id[64];
    /* PORT PATH USER: a process outside of all environments; ends with 0 when it was refused. */
    if (argc == 4)
        return setuid((uid_t)atoi(argv[3])) != 0 ? 46 : ask_stranger(atoi(argv[1]), argv[2]) == 403 ? 0 : 47;
    dial();
    if (strstr(argv[0], "/extensions/"))
        be_extension();
    if (getenv("BUSY_EXTENSION"))
        signal(SIGTERM, on_terminate);
    if (getenv("FAIL_INIT")) {
        call("POST", "/2018-06-01/runtime/init/error", "Lambda-Runtime-Function-Error-Type: Init.Own\r\n",
             "{\"errorType\":\"Init.Own\"}", 24);
        return 1;
    }
    for (;;) {
        const char *event = call("GET", "/2018-06-01/runtime/invocation/next", "", "", 0);
        const char *field = strstr(answer, "Lambda-Runtime-Aws-Request-Id: ");
        if (!field || sscanf(field + 31, "%63s", id) != 1)
            return 45;
        printf("event %s\n", event);
        fflush(stdout);
        work(id, event);
    }
}
