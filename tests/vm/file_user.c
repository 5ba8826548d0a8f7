// What busybox cannot do with a file, inside a container:
//   file-user map PATH WORD          writes WORD to the start of a shared mapping; prints what the mapping
//                                    held before, and what a read gives after msync
//   file-user xattr PATH NAME VALUE  sets an attribute and prints what it reads back
//   file-user flock PATH             locks all of it, prints "locked" or "busy"; keeps the lock while its
//                                    standard input is open
//   file-user lock PATH              the same with a record lock of fcntl(2)
//   file-user tmpfile FOLDER         makes a file without a name there
//   file-user holes PATH             prints the offset of its first byte of data, and of the next hole
//   file-user watch FOLDER           prints "watching", then the name of the next file that is changed in it
//   file-user xattrs PATH            prints its attributes, their values in hex
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
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

static int lock(int file, int whole_file) {
  struct flock record = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  char byte = 0;
  if ((whole_file ? flock(file, LOCK_EX | LOCK_NB) : fcntl(file, F_SETLK, &record)) < 0) {
    puts("busy");
    return 0;
  }
  puts("locked");
  fflush(stdout);
  while (read(0, &byte, 1) > 0) {
  }
  return 0;
}

static int xattrs(const char* path) {
  char names[1024], value[256];
  const ssize_t length = listxattr(path, names, sizeof names);
  if (length < 0) return failed("listxattr");
  for (const char* name = names; name < names + length; name += strlen(name) + 1) {
    const ssize_t size = getxattr(path, name, value, sizeof value);
    if (size < 0) return failed("getxattr");
    printf("%s ", name);
    for (ssize_t i = 0; i < size; ++i)
      printf("%02x", (unsigned char)value[i]);
    printf("\n");
  }
  return 0;
}

static int tmpfile_in(const char* folder) {
  return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644) < 0 ? failed("O_TMPFILE") : 0;
}

static int holes(int file) {
  const off_t data = lseek(file, 0, SEEK_DATA);
  printf("%lld %lld\n", (long long)data, (long long)lseek(file, data, SEEK_HOLE));
  return 0;
}

static int watch(const char* folder) {
  _Alignas(struct inotify_event) char room[4096];
  const struct inotify_event* event = (const struct inotify_event*)room;
  const int changes = inotify_init1(IN_CLOEXEC);
  if (changes < 0 || inotify_add_watch(changes, folder, IN_CLOSE_WRITE) < 0) return failed("inotify");
  puts("watching");
  fflush(stdout);
  if (read(changes, room, sizeof room) <= 0) return failed("read");
  puts(event->name);
  return 0;
}

int main(int argc, char** argv) {
  const char* what = argc > 1 ? argv[1] : "";
  if (argc == 3 && strcmp(what, "tmpfile") == 0) return tmpfile_in(argv[2]);
  if (argc == 3 && strcmp(what, "watch") == 0) return watch(argv[2]);
  if (argc == 3 && strcmp(what, "xattrs") == 0) return xattrs(argv[2]);
  const int file = argc > 2 ? open(argv[2], O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return failed(argc > 2 ? argv[2] : "usage");
  if (argc == 4 && strcmp(what, "map") == 0) return map(file, argv[3]);
  if (argc == 5 && strcmp(what, "xattr") == 0) return xattr(file, argv[3], argv[4]);
  if (argc == 3 && strcmp(what, "flock") == 0) return lock(file, 1);
  if (argc == 3 && strcmp(what, "lock") == 0) return lock(file, 0);
  if (argc == 3 && strcmp(what, "holes") == 0) return holes(file);
  return 2;
}
