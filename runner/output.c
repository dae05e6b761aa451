/* output: a container's stdout and stderr, read as they come. */
#include "runner/runner.h"

#include "common/fdio.h"
#include "common/loop_watch.h"

#include <errno.h>
#include <unistd.h>

/* MAX_LAST_READS: more than any pipe holds, or somebody who goes on writing would never be left. */
enum { READ_BYTES = 64 * 1024, MAX_LAST_READS = 32 };

static const double grace_seconds = 1;

static void on_line(void *context, slice line)
{
    struct output *output = context;
    struct container *container = output->container;
    if (container->hooks)
        container->hooks->line(container, output == &container->outputs[1], line);
    else
        ship_line(container, line);
}

static void end(struct output *output)
{
    struct container *container = output->container;
    if (output->io.fd < 0)
        return;
    ev_io_stop(container->runner->loop, &output->io);
    close(output->io.fd);
    output->io.fd = -1;
    lines_end(&output->lines, on_line, output);
}

/* Reads at most so many times; false when there is nothing more for now. */
static bool read_some(struct output *output, int times)
{
    static char bytes[READ_BYTES];
    while (times-- > 0 && output->io.fd >= 0) {
        ssize_t n = read(output->io.fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0) {
            end(output);
            return false;
        }
        lines_add(&output->lines, (slice){bytes, (size_t)n}, on_line, output);
    }
    return true;
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
    struct output *output = io->data;
    (void)loop;
    (void)events;
    read_some(output, 1); /* of short lines, this much takes two milliseconds */
    ship_kick(output->container);
    loop_watch_did(S("the output of a container"));
}

void output_watch(struct container *container, int which, int fd)
{
    struct output *output = &container->outputs[which];
    fdio_set_nonblocking(fd);
    output->container = container;
    ev_io_init(&output->io, on_readable, fd, EV_READ);
    output->io.data = output;
    ev_io_start(container->runner->loop, &output->io);
}

static void on_grace(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct container *container = timer->data;
    (void)loop;
    (void)events;
    output_close(container);
    ship_kick(container);
    loop_watch_did(S("the end of a container's output"));
}

void output_finish(struct container *container)
{
    if (output_ended(container))
        return;
    ev_timer_init(&container->grace_timer, on_grace, grace_seconds, 0);
    container->grace_timer.data = container;
    ev_timer_start(container->runner->loop, &container->grace_timer);
}

void output_close(struct container *container)
{
    for (int i = 0; i < 2; i++) {
        read_some(&container->outputs[i], MAX_LAST_READS);
        end(&container->outputs[i]);
        buf_deinit(&container->outputs[i].lines.partial);
    }
    ev_timer_stop(container->runner->loop, &container->grace_timer);
}

void output_drain(struct container *container)
{
    for (int i = 0; i < 2; i++)
        read_some(&container->outputs[i], MAX_LAST_READS);
}

bool output_ended(const struct container *container)
{
    return container->outputs[0].io.fd < 0 && container->outputs[1].io.fd < 0;
}

void output_pause(struct container *container, bool pause)
{
    for (int i = 0; i < 2; i++) {
        struct output *output = &container->outputs[i];
        if (output->io.fd < 0 || output->paused == pause)
            continue;
        output->paused = pause;
        if (pause)
            ev_io_stop(container->runner->loop, &output->io);
        else
            ev_io_start(container->runner->loop, &output->io);
    }
}
