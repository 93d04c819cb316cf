#!/bin/sh
# Writes C with the contents of the files named, in the order given (the caller sorts them by
# bytes: embedded_find() searches in halves). Octal escapes are of fixed length, so that no
# digit of the text can join one; od prints each byte as a blank and three digits.
set -eu

echo '#include "embedded.h"'
echo 'const struct embedded_file embedded_files[] = {'
for path; do
    echo "    {\"$path\", (const unsigned char *)"
    printf '""'
    od -An -v -to1 "$path" | sed 's/ /\\/g; s/.*/"&"/'
    echo ", $(($(wc -c < "$path")))},"
done
echo '    {0, 0, 0}};'
echo 'const size_t embedded_count = sizeof embedded_files / sizeof *embedded_files - 1;'
