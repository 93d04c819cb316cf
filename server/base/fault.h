/* What went wrong, in a shape that can become an error page or a log line. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

struct fault {
    int status;        /* HTTP status that fits (400, 413, 500, ...); 0: none */
    char message[512]; /* for people; without a newline, without a secret */
    const char *file;  /* where in an app or a template, or NULL */
    int line;
};

/* Fills *f (when it isn't NULL) and returns -1, so that a function can end with
   `return fault_set(f, 400, "...", ...)`. */
int fault_set(struct fault *f, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
