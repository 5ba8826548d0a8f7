/* socket-user PATH COUNT: connects so many times at once, then reads one byte of each and closes it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MOST 1000

int main(int argc, char** argv) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  int connections[MOST], count, answers = 0;
  if (argc != 3 || (count = atoi(argv[2])) > MOST || strlen(argv[1]) >= sizeof name.sun_path) return 2;
  strcpy(name.sun_path, argv[1]);
  for (int i = 0; i < count; ++i) {
    connections[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connections[i] < 0 || connect(connections[i], (struct sockaddr*)&name, sizeof name) < 0) {
      perror("connect");
      return 1;
    }
  }
  for (int i = 0; i < count; ++i) {
    char byte;
    answers += read(connections[i], &byte, 1) == 1;
    close(connections[i]);
  }
  printf("%d answers\n", answers);
  return 0;
}
