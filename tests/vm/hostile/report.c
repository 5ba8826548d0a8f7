#include "report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[1 << 16];
static size_t used;

void report(const char* attack, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  used += (size_t)snprintf(text + used, sizeof text - used, "%s\t", attack);
  used += (size_t)vsnprintf(text + used, sizeof text - used, format, arguments);
  used += (size_t)snprintf(text + used, sizeof text - used, "\n");
  va_end(arguments);
  if (used >= sizeof text) give_up("a report of this length");
}

const char* report_text(void) {
  return text;
}

void give_up(const char* what) {
  printf("\nhostile guest: no %s: %s\n", what, strerror(errno));
  fflush(stdout);
  exit(9);
}
