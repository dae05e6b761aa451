/* control: clients of the supervisor's socket, their commands, and who waits for what. */
#include "supervisor/control.h"

#include "common/listener.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TAIL_LINES = 5 };

static void client_close(struct control_client *client)
{
    close(client->fd);
    buf_deinit(&client->line);
    *client = (struct control_client){.fd = -1};
}

/* Answers fit into the socket's buffer; a client that has gone does not matter. */
static void reply(struct control_client *client, slice text)
{
    send(client->fd, text.ptr, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    client_close(client);
}

static void on_ping(struct supervisor *s, struct control_client *client, slice argument)
{
    reply(client, S("ok\n"));
}

static void on_status(struct supervisor *s, struct control_client *client, slice argument)
{
    supervisor_write_status(s);
    reply(client, S("ok\n"));
}

static void on_wait(struct supervisor *s, struct control_client *client, slice argument)
{
    client->waits = CONTROL_WAITS_FOR_READY;
}

static void on_stop(struct supervisor *s, struct control_client *client, slice argument)
{
    client->waits = CONTROL_WAITS_FOR_END;
    supervisor_stop(s);
}

static void refuse_name(struct supervisor *s, struct control_client *client, slice name)
{
    struct buf text = {0};
    buf_printf(&text, "error there is no process '%.*s'; there are:", SLICE_ARG(name));
    for (size_t i = 0; i < s->setup->count; i++)
        buf_printf(&text, "%s %s", i > 0 ? "," : "", s->setup->programs[i].name);
    buf_add_char(&text, '\n');
    reply(client, buf_slice(&text));
    buf_deinit(&text);
}

static void on_restart(struct supervisor *s, struct control_client *client, slice argument)
{
    struct child *child = supervisor_find(s, argument);
    if (!child) {
        refuse_name(s, client, argument);
        return;
    }
    if (s->stop_asked) {
        reply(client, S("error awssim is stopping\n"));
        return;
    }
    client->waits = CONTROL_WAITS_FOR_CHILD;
    client->child = child;
    client->spawns = child->spawns;
    supervisor_event(s, child, MACHINE_RESTART);
}

static const struct {
    slice word;
    void (*run)(struct supervisor *s, struct control_client *client, slice argument);
} commands[] = {
    {S("ping"), on_ping}, {S("status"), on_status},   {S("wait"), on_wait},
    {S("stop"), on_stop}, {S("restart"), on_restart},
};

static void run_command(struct supervisor *s, struct control_client *client, slice line)
{
    slice word, argument;
    slice_cut(slice_trim(line), ' ', &word, &argument);
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
        if (slice_eq(word, commands[i].word)) {
            commands[i].run(s, client, slice_trim(argument));
            return;
        }
    }
    reply(client, S("error unknown command; there are: ping, status, wait, stop, restart PROCESS\n"));
}

/* After its line a client only waits: anything but silence means that it has gone. */
static void on_client(struct supervisor *s, struct control_client *client)
{
    ssize_t n = read(client->fd, buf_reserve(&client->line, CONTROL_LINE_BYTES), CONTROL_LINE_BYTES);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || client->waits != CONTROL_COMMAND) {
        client_close(client);
        return;
    }
    client->line.len += (size_t)n;
    slice line, rest;
    if (slice_cut(buf_slice(&client->line), '\n', &line, &rest))
        run_command(s, client, line);
    else if (client->line.len >= CONTROL_LINE_BYTES)
        reply(client, S("error the line is too long\n"));
}

static void on_connection(struct control *control)
{
    int fd = listener_accept(control->listen_fd, &control->spare);
    if (fd < 0)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd < 0) {
            control->clients[i].fd = fd;
            return;
        }
    }
    send(fd, "error too many clients\n", strlen("error too many clients\n"), MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

static void settle_child(struct control_client *client)
{
    const struct child *child = client->child;
    enum machine_state state = child->machine.state;
    if (child->spawns == client->spawns)
        return;
    if (state == MACHINE_READY) {
        reply(client, S("ok\n"));
        return;
    }
    if (state != MACHINE_BACKOFF && state != MACHINE_GIVEN_UP && state != MACHINE_DOWN)
        return;
    struct buf text = {0};
    buf_printf(&text, "error %s did not come back (", child->program->name);
    child_describe_end(child, &text);
    buf_printf(&text, "). %s\n",
               state == MACHINE_BACKOFF ? "It is tried again by itself."
                                        : "It is not tried again before the next restart.");
    buf_add(&text, output_tail(&child->output, TAIL_LINES));
    reply(client, buf_slice(&text));
    buf_deinit(&text);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, CONTROL_CLIENTS) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

int control_open(struct control *control, const char *run_dir)
{
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        control->clients[i] = (struct control_client){.fd = -1};
    if (asprintf(&control->path, "%s/control", run_dir) < 0)
        abort();
    control->spare = LISTENER_NO_SPARE;
    control->listen_fd = listen_at(control->path);
    if (control->listen_fd >= 0)
        return 0;
    free(control->path);
    return control->listen_fd;
}

/* Whoever has not been heard yet sees the end of file, as if he had come too late. */
static void dismiss(struct control_client *client)
{
    if (client->waits == CONTROL_COMMAND)
        client_close(client);
    else
        reply(client, client->waits == CONTROL_WAITS_FOR_END ? S("ok\n") : S("error awssim has stopped\n"));
}

void control_close(struct control *control)
{
    unlink(control->path);
    close(control->listen_fd);
    if (control->spare >= 0)
        close(control->spare);
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        if (control->clients[i].fd >= 0)
            dismiss(&control->clients[i]);
    }
    free(control->path);
}

void control_poll(const struct control *control, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = control->listen_fd, .events = POLLIN};
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        fds[i + 1] = (struct pollfd){.fd = control->clients[i].fd, .events = POLLIN};
}

void control_on_poll(struct supervisor *supervisor, const struct pollfd *fds)
{
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        if (fds[i + 1].revents)
            on_client(supervisor, &supervisor->control.clients[i]);
    }
    if (fds[0].revents)
        on_connection(&supervisor->control);
}

void control_settle(struct supervisor *supervisor)
{
    bool ready = supervisor_all_ready(supervisor);
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        struct control_client *client = &supervisor->control.clients[i];
        if (client->waits == CONTROL_WAITS_FOR_READY && ready)
            reply(client, S("ok\n"));
        else if (client->waits == CONTROL_WAITS_FOR_CHILD)
            settle_child(client);
    }
}
