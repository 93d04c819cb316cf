# cflask-lua: a web server in C on which Lua apps run as Flask's do.
#
#   make              build/cflask-lua; lua/ and templates/ are within it
#   make run          installs what is missing, builds, serves apps/blog on port 5000
#   make test         installs what the tests need, builds, runs all suites
#                     SUITES="unit spec" picks some; tests/README.md lists them
#   make unit         only tests/unit, without the binary and without installing
#   make lint         clang-tidy, clang-format, luacheck; LuaJIT compiles lua/ too
#   make fuzz         each target of tests/fuzz for FUZZ_SECONDS=20
#   make bench        requests/s and CPU time beside other servers; ARGS="--quick"
#   make install      binary, cflask.h, cflask.pc under PREFIX=/usr/local; DESTDIR=
#   make uninstall    removes what install put there
#   make clean        removes all that was built
#
#   LUA=luajit        with LuaJIT instead of Lua 5.4, in build-luajit/
#   SANITIZE=1        with ASan, UBSan and leak detection, in build-asan/
#   WERROR=1          warnings are errors     VERBOSE=1  shows each command
#   LIBEDIT=no        without libedit: the shell's lines have no editing, no completion
#   SQLITE=no         without libsqlite3 and cflask.sqlite
#   PACKAGES=no       run and test install nothing; CC, CFLAGS, LDFLAGS as usual

LUA      ?= lua5.4
CC       ?= cc
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
BUILD    ?= build$(if $(SANITIZE),-asan)$(if $(FUZZ),-fuzz)$(if $(filter luajit,$(LUA)),-luajit)
PACKAGES ?= yes
FUZZ_SECONDS ?= 20
Q        := $(if $(VERBOSE),,@)
SAY      := @$(if $(VERBOSE),:,printf '%-5s %s\n')
export PACKAGES

# The libraries: pkg-config's name and Debian's. lua-cjson has a static library for each Lua.
CJSON      := $(if $(filter luajit,$(LUA)),lua5.1-cjson,$(LUA)-cjson)
DEBIAN      = $(LUA):lib$(if $(filter luajit,$(LUA)),luajit-5.1,$(LUA))-dev \
              libevent:libevent-dev libcrypto:libssl-dev zlib:zlib1g-dev \
              $(if $(filter no,$(LIBEDIT)),,libedit:libedit-dev) \
              $(if $(filter no,$(SQLITE)),,sqlite3:libsqlite3-dev)
PKGS       := $(foreach p,$(DEBIAN),$(firstword $(subst :, ,$(p))))

# Only goals that compile need them here: the others install first, then call make again.
ifneq ($(filter-out help clean run test lint fuzz bench uninstall,$(or $(MAKECMDGOALS),all)),)
  TOOLS   := $(foreach t,$(firstword $(CC)):gcc pkg-config:pkg-config,$(if \
               $(shell command -v $(firstword $(subst :, ,$(t)))),,$(lastword $(subst :, ,$(t)))))
  MISSING := $(strip $(TOOLS) $(foreach p,$(DEBIAN),$(if $(shell pkg-config --exists \
               $(firstword $(subst :, ,$(p))) 2>/dev/null && echo y),,$(lastword $(subst :, ,$(p))))) \
               $(if $(filter /%,$(shell $(CC) -print-file-name=lib$(CJSON).a 2>/dev/null)),,lua-cjson-dev))
  $(if $(MISSING),$(error Missing Debian packages. As root: apt-get install $(MISSING)))
  $(shell mkdir -p $(BUILD))
  PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
  PKG_LIBS   := $(shell pkg-config --libs $(filter-out $(LUA),$(PKGS)))
  LUA_LIBS   := $(shell pkg-config --libs $(LUA))
endif

# One Lua in the process, the static one: C modules find its API in the binary, and only
# that, so that no name of ours can take the place of one of theirs.
LIBS = -Wl,-Bstatic -l$(CJSON) $(LUA_LIBS) -Wl,-Bdynamic $(PKG_LIBS) -lm -ldl -lpthread \
       -Wl,--export-dynamic-symbol=lua_* -Wl,--export-dynamic-symbol=luaL_*
CHECKS = $(if $(FUZZ),fuzzer-no-link$(,),)address,undefined
, := ,
SANITIZED = $(if $(SANITIZE)$(FUZZ),-O1 -fno-omit-frame-pointer -fsanitize=$(CHECKS) \
              -fno-sanitize-recover=all)
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(if $(WERROR),-Werror)
COMPILE = $(CC) -std=c11 -D_GNU_SOURCE $(WARN) -Iserver $(if $(filter no,$(LIBEDIT)),-DNO_LIBEDIT) $(if $(filter no,$(SQLITE)),-DNO_SQLITE) $(CPPFLAGS) $(PKG_CFLAGS) \
          $(CFLAGS) $(SANITIZED)

SRC   := $(sort $(wildcard server/*.c server/base/*.c server/jinja/*.c server/modules/*.c))
SRC   := $(if $(filter no,$(SQLITE)),$(filter-out server/modules/sqlite_%,$(SRC)),$(SRC))
OBJ   := $(SRC:%.c=$(BUILD)/%.o) $(BUILD)/embedded_files.o
UNITS := $(patsubst %.c,$(BUILD)/%,$(filter-out $(if $(filter no,$(SQLITE)),tests/unit/sqlite_%),$(wildcard tests/unit/*_test.c)))
FUZZED := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/*_fuzz.c))
DRIVERS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/parity/*_driver.c))
COUNTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*_count.c))
EMBED := $(shell find lua templates server/cflask.h -type f ! -name '.*' ! -name '*.md' ! -name types.lua 2>/dev/null | LC_ALL=C sort)
VERSION = $(shell sed -n 's/^.define CFLASK_VERSION "\(.*\)"/\1/p' server/cflask.h)
# Programs of tests/ may include .c files to reach statics: those stand in for their objects.
OTHERS = $(filter-out $(BUILD)/server/main.o $(patsubst %.c,$(BUILD)/server/%.o,$(shell \
           sed -n 's/^.include "\(.*\.c\)"/\1/p' $<)),$(OBJ))

all: $(BUILD)/cflask-lua

$(BUILD)/cflask-lua: $(OBJ)
	$(SAY) LINK $@
	$(Q)$(CC) $(CFLAGS) $(SANITIZED) $(LDFLAGS) $^ -o $@ $(LIBS)

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(SAY) CC $<
	$(Q)mkdir -p $(@D) && $(COMPILE) -MMD -MP -c $< -o $@

$(BUILD)/embedded_files.o: $(BUILD)/embedded_files.c
	$(Q)$(COMPILE) -c $< -o $@

$(BUILD)/embedded_files.c: server/embed.sh $(BUILD)/embedded_list $(EMBED)
	$(SAY) EMBED 'lua/ templates/'
	$(Q)sh server/embed.sh $(EMBED) > $@.tmp && mv $@.tmp $@

# Files whose text is a value: what depends on them is made anew when the value changes.
$(BUILD)/flags: FORCE
	$(file >$@.new,$(COMPILE) $(LIBS))@cmp -s $@.new $@ || cp $@.new $@
$(BUILD)/embedded_list: FORCE
	$(file >$@.new,$(EMBED))@cmp -s $@.new $@ || cp $@.new $@

$(UNITS) $(DRIVERS) $(FUZZED) $(COUNTS): $(BUILD)/%: %.c $(OBJ)
	$(SAY) CC $<
	$(Q)mkdir -p $(@D) && $(COMPILE) -Wno-missing-prototypes -MMD -MP -MF $@.d \
	  $(if $(FUZZ),-fsanitize=fuzzer) $< $(OTHERS) -o $@ $(LDFLAGS) $(if $(filter %_test,$@),-lcmocka) $(LIBS)
$(BUILD)/tests/bench/raw_evhttp: tests/bench/raw_evhttp.c $(BUILD)/flags
	$(SAY) CC $<
	$(Q)mkdir -p $(@D) && $(COMPILE) $< -o $@ $(LDFLAGS) $(PKG_LIBS)

# A goal that installs calls make again, which then finds the libraries.
run:
	@.ci/packages build $(filter luajit,$(LUA))
	@$(MAKE) ready
	@SECRET_KEY=$$(cat .secret) $(BUILD)/cflask-lua run apps/blog --debug $(ARGS)
ready: all .secret
	@:
.secret:
	@(umask 077; od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > $@.tmp) && mv $@.tmp $@

test:
	@.ci/packages build $(filter luajit,$(LUA)) test
	@$(MAKE) all units drivers natives
	@BUILD=$(BUILD) tests/run $(SUITES)
units: $(UNITS)
drivers: $(DRIVERS)
natives: # the example's C modules, with the Lua that is tested
	@$(MAKE) -sB -C apps/native CFLASK_INCLUDE=$(CURDIR)/server
unit: $(UNITS)
	@BUILD=$(BUILD) tests/run unit

lint:
	@.ci/packages build lint
	@tests/lint
fuzz:
	@.ci/packages build fuzz
	@$(MAKE) FUZZ=1 CC=clang BUILD=$(BUILD)-fuzz fuzzers
	@BUILD=$(BUILD)-fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run $(ARGS)
fuzzers: $(FUZZED)
bench:
	@.ci/packages build $(filter luajit,$(LUA))
	@$(MAKE) all counts
	@BUILD=$(BUILD) tests/bench/run $(ARGS)
counts: $(COUNTS) $(BUILD)/tests/bench/raw_evhttp

INSTALLED = bin/cflask-lua include/cflask.h lib/pkgconfig/cflask.pc
install: $(BUILD)/cflask-lua $(BUILD)/cflask.pc
	install -Dm755 $(BUILD)/cflask-lua $(DESTDIR)$(PREFIX)/bin/cflask-lua
	install -Dm644 server/cflask.h $(DESTDIR)$(PREFIX)/include/cflask.h
	install -Dm644 $(BUILD)/cflask.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/cflask.pc
uninstall:
	rm -f $(INSTALLED:%=$(DESTDIR)$(PREFIX)/%)
$(BUILD)/cflask.pc: FORCE
	@printf '%s\n' 'prefix=$(PREFIX)' 'includedir=$${prefix}/include' '' 'Name: cflask' \
	  'Description: C modules for cflask-lua' 'Version: $(VERSION)' \
	  'Requires.private: $(LUA)' 'Cflags: -I$${includedir}' > $@

clean:
	rm -rf build build-asan build-fuzz build-luajit build-asan-luajit
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//; p' Makefile

-include $(SRC:%.c=$(BUILD)/%.d) $(addsuffix .d,$(UNITS) $(DRIVERS) $(FUZZED) $(COUNTS))
.PHONY: all run ready test units drivers natives unit lint fuzz fuzzers bench counts install uninstall clean help FORCE
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
ifeq ($(MAKELEVEL),0)
  MAKEFLAGS += -j$(shell nproc)
endif
