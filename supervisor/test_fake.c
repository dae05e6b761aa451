/* A child process for the supervisor's tests: follows the child protocol, or violates it as its argument says. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY_FD = 3, PARENT_FD = 4, LISTENER_FD = 5 };

static void announce(void)
{
    if (write(READY_FD, "\n", 1) != 1)
        exit(1);
}

/* Until SIGTERM or until the parent is gone. */
static void serve(void)
{
    announce();
    struct pollfd p = {.fd = PARENT_FD, .events = POLLIN};
    poll(&p, 1, -1);
    exit(3);
}

static void be_good(const char *argument)
{
    serve();
}

/* Says who it is to one client; those behind it wait for its successor. */
static void greet(const char *argument)
{
    announce();
    struct pollfd p = {.fd = LISTENER_FD, .events = POLLIN};
    poll(&p, 1, -1);
    int client = accept(LISTENER_FD, NULL, NULL);
    dprintf(client, "%d\n", (int)getpid());
    exit(3);
}

static void stay_silent(const char *argument)
{
    for (;;)
        pause();
}

static void die(const char *argument)
{
    puts("first words");
    puts("last words");
    exit(1);
}

static void refuse(const char *argument)
{
    fputs("the port is taken\n", stderr);
    exit(100);
}

static void be_stubborn(const char *argument)
{
    signal(SIGTERM, SIG_IGN);
    announce();
    for (;;)
        pause();
}

static const char *journal;
static char *entry;

/* Appends our pid, so that the order of several can be seen. */
static void on_term(int signal_number)
{
    int fd = open(journal, O_WRONLY | O_APPEND | O_CREAT, 0600);
    _exit(write(fd, entry, strlen(entry)) > 0 ? 0 : 1);
}

static void keep_journal(const char *argument)
{
    journal = argument;
    if (asprintf(&entry, "%d\n", (int)getpid()) < 0)
        exit(1);
    signal(SIGTERM, on_term);
    serve();
}

/* Works once: the file tells the next one to refuse. */
static void refuse_later(const char *argument)
{
    if (access(argument, F_OK) == 0)
        refuse(argument);
    close(open(argument, O_WRONLY | O_CREAT, 0600));
    serve();
}

/* Leaves a grandchild behind, in a session of its own, and says who it is. */
static void have_a_child(const char *argument)
{
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        stay_silent(argument);
    }
    printf("child %d\n", (int)pid);
    fflush(stdout);
    serve();
}

static void print_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    printf("descriptors");
    for (int fd = 0; fd < 1024; fd++) {
        if (fd != dirfd(dir) && fcntl(fd, F_GETFD) >= 0)
            printf(" %d", fd);
    }
    printf("\n");
    closedir(dir);
}

static void inspect(const char *argument)
{
    print_descriptors();
    sigset_t blocked;
    int listens = 0;
    socklen_t size = sizeof(listens);
    getsockopt(5, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    printf("listens %d, leader %d, blocked %d %d\n", listens, getsid(0) == getpid(), sigismember(&blocked, SIGTERM),
           sigismember(&blocked, SIGCHLD));
    printf("without an end");
    fflush(stdout);
    serve();
}

static const struct {
    const char *name;
    void (*run)(const char *argument);
} modes[] = {
    {"good", be_good},
    {"silent", stay_silent},
    {"dies", die},
    {"refuses", refuse},
    {"stubborn", be_stubborn},
    {"journal", keep_journal},
    {"refuses-later", refuse_later},
    {"parent", have_a_child},
    {"inspect", inspect},
    {"greet", greet},
};

int main(int argc, char *argv[])
{
    for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(*modes); i++) {
        if (strcmp(argv[1], modes[i].name) == 0)
            modes[i].run(argc > 2 ? argv[2] : "");
    }
    return 2;
}
