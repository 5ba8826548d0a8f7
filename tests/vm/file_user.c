// What busybox cannot do with a file, inside a container:
//   file-user map PATH WORD          writes WORD to the start of a shared mapping; prints what the mapping
//   held before,
//                                    and what a read gives after msync
//   file-user xattr PATH NAME VALUE  sets an attribute and prints what it reads back
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

static int failed(const char* what) {
  perror(what);
  return 1;
}

static int map(int file, const char* word) {
  const size_t size = strlen(word);
  char read_back[256] = "";
  char* bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (bytes == MAP_FAILED) return failed("mmap");
  printf("%.*s\n", (int)size, bytes);
  memcpy(bytes, word, size);
  if (msync(bytes, size, MS_SYNC) < 0) return failed("msync");
  if (size >= sizeof read_back || pread(file, read_back, size, 0) != (ssize_t)size) return failed("pread");
  printf("%s\n", read_back);
  return 0;
}

static int xattr(int file, const char* name, const char* value) {
  char read_back[256] = "";
  if (fsetxattr(file, name, value, strlen(value), 0) < 0) return failed("fsetxattr");
  if (fgetxattr(file, name, read_back, sizeof read_back - 1) < 0) return failed("fgetxattr");
  printf("%s\n", read_back);
  return 0;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  const int file = argc > 2 ? open(argv[2], O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return failed(argc > 2 ? argv[2] : "usage");
  if (argc == 4 && strcmp(what, "map") == 0) return map(file, argv[3]);
  if (argc == 5 && strcmp(what, "xattr") == 0) return xattr(file, argv[3], argv[4]);
  return 2;
}
