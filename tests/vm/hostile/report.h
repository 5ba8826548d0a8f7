/* What the attacks have found, for the test outside: lines `<attack>\t<outcome>`. */
#pragma once

#include <stddef.h>

void report(const char* attack, const char* format, ...) __attribute__((format(printf, 2, 3)));
const char* report_text(void);

/* The attacks cannot be made: says so on the console and ends the guest. */
void give_up(const char* what) __attribute__((noreturn));
