/* The loop over a frame's instructions. */
#ifndef JINJA_RUN_H
#define JINJA_RUN_H

#include "jinja/machine.h"

enum run_result {
    RUN_ON,  /* another frame is on top, or this one has ended: go on with what is on top
              */
    RUN_OUT, /* Lua is to be called: m->n_call arguments and the function are on top */
    RUN_DONE /* within the loop: the instruction is complete */
};

/* Runs the top frame, which is one of code, as far as it goes. */
enum run_result run_code(struct machine *m);

#endif
