// What busybox cannot do with a file, inside a container: mapped-file PATH WORD writes WORD to the start of a
// shared mapping of the file and prints what the mapping held before, and what a read gives after msync.
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const size_t size = strlen(argv[2]);
  const int file = open(argv[1], O_RDWR | O_CLOEXEC);
  if (file < 0) return perror(argv[1]), 1;
  char* bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (bytes == MAP_FAILED) return perror("mmap"), 1;
  printf("%.*s\n", (int)size, bytes);
  memcpy(bytes, argv[2], size);
  if (msync(bytes, size, MS_SYNC)) return perror("msync"), 1;
  char read_back[256] = "";
  if (size >= sizeof read_back || pread(file, read_back, size, 0) != (ssize_t)size) return perror("pread"), 1;
  printf("%s\n", read_back);
  return 0;
}
