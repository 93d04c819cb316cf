# cflask-lua: `make help` says what there is to make.
LUA    ?= lua5.4
CC     ?= cc
BUILD  ?= build
PKGS    = $(LUA) libevent libcrypto zlib
CFLAGS ?= -O2 -g
WARN    = -std=c11 -D_GNU_SOURCE -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
CPPFLAGS += -Iserver $(shell pkg-config --cflags $(PKGS))
LIBS     = $(shell pkg-config --libs $(PKGS)) -lm -ldl -lpthread

SRC  = $(wildcard server/*.c server/base/*.c server/jinja/*.c)
OBJ  = $(SRC:%.c=$(BUILD)/%.o)
UNIT = $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*_test.c))

all: $(OBJ)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(WARN) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# tests/unit/X_test.c includes X.c, so it is linked with every object but that one and main.o.
$(BUILD)/tests/unit/%_test: tests/unit/%_test.c $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(WARN) -Wno-missing-prototypes $(CPPFLAGS) $(CFLAGS) $< \
	  $(filter-out %/main.o %/$*.o,$(OBJ)) -o $@ -lcmocka $(LIBS)

unit: $(UNIT:%=$(BUILD)/tests/unit/%)
	@for t in $^; do $$t || exit 1; done

clean:
	rm -rf build build-*

-include $(OBJ:.o=.d)
.PHONY: all unit clean
