/* The part of the library that is written in Lua. */
#ifndef JINJA_LIBRARY_H
#define JINJA_LIBRARY_H

/* The source of a chunk that is called with a table of C functions and returns the
 * module. */
extern const char *const library_source[];

#endif
