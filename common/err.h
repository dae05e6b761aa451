/* err: the three classes of results. 0 is ok; > 0 is part of a function's contract; < 0 is a fault (-errno, or one of
 * ours below) that is always passed up. */
#pragma once

enum {
    NOT_FOUND = 1,   /* a look-up without result; handled by the caller */
    BAD_INPUT = 2,   /* a text that does not parse; handled by the caller */
    CALL_FAILED = 3, /* the call has recorded its AWS error; travels up */
    CALL_LATER = 4,  /* the call waits for an answer or an event and will run again; travels up */
};

enum {
    FAULT_SQL = -10001,     /* sqlite failed; the db wrapper has logged which and why */
    FAULT_MESSAGE = -10002, /* a message from another process is broken */
    FAULT_INTERNAL = -10003,
    FAULT_FULL = -10005,       /* there is no room on the disk */
    FAULT_DAMAGED = -10006,    /* a database cannot be read as one */
    FAULT_UNANSWERED = -10004, /* another process did not answer a question, or failed itself */
};

/* Passes every result but 0 up. */
#define TRY(expression)                                                                                                \
    do {                                                                                                               \
        int try_result = (expression);                                                                                 \
        if (try_result != 0)                                                                                           \
            return try_result;                                                                                         \
    } while (0)
