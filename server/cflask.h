/* What C modules may ask of the server: this file and Lua's headers, without linking. */
#ifndef CFLASK_H
#define CFLASK_H

#ifdef __cplusplus
extern "C" {
#endif

/* The server's version. */
#define CFLASK_VERSION "0.1.0"

/* Grows by one with each change that breaks modules built before it. */
#define CFLASK_ABI 1

#ifdef __cplusplus
}
#endif

#endif
