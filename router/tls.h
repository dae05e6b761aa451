/* tls: TLS on the router's port, by OpenSSL. The library is loaded when a certificate is configured and not before: a
 * router without TLS neither waits nor pays memory for it. */
#pragma once

#include "common/slice.h"

struct arena;
struct tls;
struct tls_session;

/* Loads the library, certificate chain and key (PEM files). Answers 0, or BAD_INPUT with a sentence in *why. */
int tls_open(struct arena *arena, slice cert_file, slice key_file, struct tls **tls, slice *why);
void tls_close(struct tls *tls);

/* A server's session on a non-blocking socket; NULL when out of memory. */
struct tls_session *tls_begin(struct tls *tls, int fd);

/* Says goodbye as far as that is possible at once, and frees the session; the socket stays open. */
void tls_end(struct tls_session *session);

/* As read and write, but errors are answered as -errno; -EAGAIN: not now, and tls_wants_write says what to wait for. */
ssize_t tls_read(struct tls_session *session, void *into, size_t size);
ssize_t tls_write(struct tls_session *session, const void *from, size_t size);
/* Whether the handshake is over. */
bool tls_is_established(const struct tls_session *session);
bool tls_wants_write(const struct tls_session *session);

/* Decrypted bytes that wait inside the session, invisible to the event loop. */
size_t tls_waiting(const struct tls_session *session);
