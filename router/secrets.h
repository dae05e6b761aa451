/* secrets: what access keys stand for. Roots' keys come from the options; users' are asked of the iam worker, those of
 * temporary credentials of the sts worker. Answers are remembered for a moment, a bounded number of them, and hold no
 * longer than until iam or sts say that something has changed (common/generation.h). */
#pragma once

#include "router/verify.h"

struct arena;
struct bus;
struct conf;
struct secrets;

enum secrets_outcome {
    SECRETS_FOUND,
    SECRETS_UNKNOWN,
    SECRETS_EXPIRED,
    SECRETS_NOT_HERE, /* of secrets_find: has to be asked */
    SECRETS_NOBODY,   /* of an answer: the worker that knows did not answer */
};

/* conf: its root keys, which must outlive the secrets, and its run directory. Answers 0, or BAD_INPUT with a sentence
 * in *why. */
int secrets_open(struct bus *bus, struct arena *arena, const struct conf *conf, struct secrets **secrets, slice *why);
void secrets_close(struct secrets *secrets);

/* What is known at once. *secret is valid until the loop's next turn. */
enum secrets_outcome secrets_find(struct secrets *secrets, slice access_key, int64_t now_ms,
                                  struct verify_secret *secret);

/* Whether it is a root's key; then *secret is what it signs with. */
bool secrets_find_root(const struct secrets *secrets, slice access_key, struct verify_secret *secret);

/* Asks who knows. on_answer is called once, never from here, unless secrets_forget is called before; when it says
 * SECRETS_FOUND, secrets_find answers at once. */
typedef void secrets_answer_fn(void *context, enum secrets_outcome outcome);
struct secrets_question;
struct secrets_question *secrets_ask(struct secrets *secrets, slice access_key, secrets_answer_fn *on_answer,
                                     void *context);
void secrets_forget(struct secrets_question *question);
