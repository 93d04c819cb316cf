/* Faults: one line to make one. */
#include "base/fault.h"

#include <stdarg.h>
#include <stdio.h>

int fault_set(struct fault *f, int status, const char *format, ...)
{
    if (!f)
        return -1;
    va_list args;
    va_start(args, format);
    *f = (struct fault){.status = status};
    vsnprintf(f->message, sizeof f->message, format, args);
    va_end(args);
    return -1;
}
