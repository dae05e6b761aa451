/* tls: OpenSSL behind five functions. Which connections speak TLS is conn.c's decision. */
#include "router/tls.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "common/arena.h"
#include "common/err.h"

#define TLS_SYMBOLS(X)                                                                                                 \
    X(TLS_server_method)                                                                                               \
    X(SSL_CTX_new)                                                                                                     \
    X(SSL_CTX_free)                                                                                                    \
    X(SSL_CTX_ctrl)                                                                                                    \
    X(SSL_CTX_set_options)                                                                                             \
    X(SSL_CTX_use_certificate_chain_file)                                                                              \
    X(SSL_CTX_use_PrivateKey_file)                                                                                     \
    X(SSL_CTX_check_private_key)                                                                                       \
    X(SSL_new)                                                                                                         \
    X(SSL_free)                                                                                                        \
    X(SSL_set_fd)                                                                                                      \
    X(SSL_set_accept_state)                                                                                            \
    X(SSL_read)                                                                                                        \
    X(SSL_write)                                                                                                       \
    X(SSL_shutdown)                                                                                                    \
    X(SSL_is_init_finished)                                                                                            \
    X(SSL_pending)                                                                                                     \
    X(SSL_get_error)                                                                                                   \
    X(ERR_clear_error)                                                                                                 \
    X(ERR_peek_last_error)                                                                                             \
    X(ERR_reason_error_string)

/* The library's functions, by their own names. */
static struct {
    void *library;
#define TLS_POINTER(name) __typeof__(name) *name;
    TLS_SYMBOLS(TLS_POINTER)
#undef TLS_POINTER
} lib;

struct tls {
    SSL_CTX *context;
};

struct tls_session {
    SSL *ssl;
    bool wants_write;
    bool broken; /* nothing may be said any more, not even goodbye */
};

static int load_library(struct arena *arena, slice *why)
{
    if (lib.library)
        return 0;
    void *library = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        *why = arena_printf(arena, "TLS needs OpenSSL 3: %s", dlerror());
        return BAD_INPUT;
    }
#define TLS_LOAD(name)                                                                                                 \
    lib.name = (__typeof__(lib.name))dlsym(library, #name);                                                            \
    if (!lib.name) {                                                                                                   \
        *why = S("TLS needs OpenSSL 3: " #name " is missing in libssl.so.3");                                          \
        return BAD_INPUT;                                                                                              \
    }
    TLS_SYMBOLS(TLS_LOAD)
#undef TLS_LOAD
    lib.library = library;
    return 0;
}

static int refuse(struct arena *arena, slice *why, const char *what, const char *file)
{
    const char *reason = lib.ERR_reason_error_string(lib.ERR_peek_last_error());
    *why = arena_printf(arena, "%s %s: %s", what, file, reason ? reason : "not usable");
    return BAD_INPUT;
}

static int use_files(struct arena *arena, SSL_CTX *context, slice cert_file, slice key_file, slice *why)
{
    const char *cert = slice_cstr(arena, cert_file);
    const char *key = slice_cstr(arena, key_file);
    if (!cert || !key || !*cert || !*key) {
        *why = S("TLS needs both a certificate (--tls-cert) and its key (--tls-key)");
        return BAD_INPUT;
    }
    if (lib.SSL_CTX_use_certificate_chain_file(context, cert) != 1)
        return refuse(arena, why, "the TLS certificate", cert);
    if (lib.SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return refuse(arena, why, "the TLS key", key);
    if (lib.SSL_CTX_check_private_key(context) != 1)
        return refuse(arena, why, "the TLS certificate does not belong to the key", key);
    return 0;
}

int tls_open(struct arena *arena, slice cert_file, slice key_file, struct tls **tls, slice *why)
{
    TRY(load_library(arena, why));
    SSL_CTX *context = lib.SSL_CTX_new(lib.TLS_server_method());
    if (!context)
        abort();
    lib.SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    lib.SSL_CTX_ctrl(context, SSL_CTRL_MODE,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS,
                     NULL);
    /* Many clients close the socket without TLS's goodbye; that is an end, not an attack on a local simulator. */
    lib.SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    int r = use_files(arena, context, cert_file, key_file, why);
    if (r != 0) {
        lib.SSL_CTX_free(context);
        return r;
    }
    *tls = malloc(sizeof **tls);
    if (!*tls)
        abort();
    **tls = (struct tls){context};
    return 0;
}

void tls_close(struct tls *tls)
{
    if (!tls)
        return;
    lib.SSL_CTX_free(tls->context);
    free(tls);
}

struct tls_session *tls_begin(struct tls *tls, int fd)
{
    struct tls_session *session = calloc(1, sizeof *session);
    SSL *ssl = lib.SSL_new(tls->context);
    if (!session || !ssl || lib.SSL_set_fd(ssl, fd) != 1) {
        lib.SSL_free(ssl);
        free(session);
        return NULL;
    }
    lib.SSL_set_accept_state(ssl);
    session->ssl = ssl;
    return session;
}

void tls_end(struct tls_session *session)
{
    lib.ERR_clear_error();
    if (!session->broken)
        lib.SSL_shutdown(session->ssl);
    lib.SSL_free(session->ssl);
    free(session);
}

/* What a read or write that answered n <= 0 means, as tls_read answers it. */
static ssize_t outcome(struct tls_session *session, int n)
{
    int saved = errno;
    switch (lib.SSL_get_error(session->ssl, n)) {
    case SSL_ERROR_WANT_WRITE:
        session->wants_write = true;
        return -EAGAIN;
    case SSL_ERROR_WANT_READ:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        session->broken = true;
        return saved ? -saved : -ECONNRESET;
    default:
        session->broken = true;
        return -EPROTO;
    }
}

static int clamp(size_t size)
{
    return size > INT32_MAX ? INT32_MAX : (int)size;
}

ssize_t tls_read(struct tls_session *session, void *into, size_t size)
{
    session->wants_write = false;
    lib.ERR_clear_error();
    errno = 0;
    int n = lib.SSL_read(session->ssl, into, clamp(size));
    return n > 0 ? n : outcome(session, n);
}

ssize_t tls_write(struct tls_session *session, const void *from, size_t size)
{
    session->wants_write = false;
    lib.ERR_clear_error();
    errno = 0;
    int n = lib.SSL_write(session->ssl, from, clamp(size));
    if (n > 0)
        return n;
    ssize_t result = outcome(session, n);
    return result == 0 ? -EPIPE : result;
}

bool tls_is_established(const struct tls_session *session)
{
    return lib.SSL_is_init_finished(session->ssl) == 1;
}

bool tls_wants_write(const struct tls_session *session)
{
    return session->wants_write;
}

size_t tls_waiting(const struct tls_session *session)
{
    return (size_t)lib.SSL_pending(session->ssl);
}
