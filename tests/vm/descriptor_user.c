// What busybox cannot do with descriptor 3, inside a container: half-closing a socket, asking who still
// reads.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// Says its word, ends its direction, and counts what still comes.
static int half_close(void) {
  char bytes[65536];
  long total = 0;
  ssize_t got;
  if (write(3, "mine", 4) != 4 || shutdown(3, SHUT_WR) < 0) return 1;
  while ((got = read(3, bytes, sizeof bytes)) > 0)
    total += got;
  printf("%ld\n", total);
  return got < 0;
}

// Ends without a byte written: poll(2) says that the reader has gone.
static int wait_for_hangup(void) {
  struct pollfd asked = {3, 0, 0};
  puts("waiting");
  fflush(stdout);
  if (poll(&asked, 1, -1) != 1) return 1;
  printf("%s\n", (asked.revents & (POLLERR | POLLHUP)) ? "hung up" : "something else");
  return write(3, "x", 1) < 0 && errno == EPIPE ? 0 : 2;
}

static int refuse_more(void) {
  if (shutdown(3, SHUT_RD) < 0) return 1;
  puts("refused");
  fflush(stdout);
  return read(0, &(char){0}, 1) < 0;
}

int main(int argc, char** argv) {
  if (argc != 2) return 99;
  signal(SIGPIPE, SIG_IGN);
  if (!strcmp(argv[1], "half-close")) return half_close();
  if (!strcmp(argv[1], "hangup")) return wait_for_hangup();
  if (!strcmp(argv[1], "refuse")) return refuse_more();
  return 99;
}
