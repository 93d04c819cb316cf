/* Compiled templates in memory. */
#ifndef JINJA_TEMPLATE_H
#define JINJA_TEMPLATE_H

#include "jinja/code.h"

/* Copies what running needs from the work arena to the template's own, and gives the work
   arena back. false when memory is out: the template can't be used then. */
bool template_keep(struct template *t);

#endif
