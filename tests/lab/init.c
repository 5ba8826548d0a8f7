// Pid 1 of the lab host: loads modules, puts a tmpfs over the outer machine's root (9p, read-only), runs the
// command, carries its output to virtio-serial ports, tells its exit code, ends the machine. In C and without
// a fork of its own, because each fork and exec costs 50 ms and more under TCG.
//
// Its orders are files of the initramfs, strings that end with NUL: /lab/modules, /lab/argv, /lab/env,
// /lab/cwd, /lab/before (a command to run first, may be empty), /lab/manager (an init to hand the machine to,
// may be empty). With a manager this program runs once more, as a service of it (argv[1] is then the
// initramfs's folder), and does there what it would have done as pid 1.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { max_words = 1024, max_file = 1 << 20 };

static void fail(const char* what, const char* object) {
  printf("lab: cannot %s %s: %s\n", what, object, strerror(errno));
  fflush(stdout);
  sync();
  reboot(RB_AUTOBOOT);
  for (;;)
    pause();
}

static void mount_on(const char* source, const char* target, const char* type, unsigned long flags,
                     const char* data) {
  mkdir(target, 0755);
  if (mount(source, target, type, flags, data) != 0) fail("mount", target);
}

// The strings of one of the order files, NULL after the last. Never freed: they live as long as the machine.
static const char* initramfs = "";
static char** words_of(const char* name) {
  char path[300];
  snprintf(path, sizeof(path), "%s/lab/%s", initramfs, name);
  static char buffers[6][max_file];
  static char* words[6][max_words];
  static int used;
  char* buffer = buffers[used];
  char** list = words[used++];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("open", path);
  ssize_t size = read(fd, buffer, max_file - 1);
  close(fd);
  int count = 0;
  for (ssize_t at = 0; at < size && count < max_words - 1; at += (ssize_t)strlen(buffer + at) + 1)
    list[count++] = buffer + at;
  list[count] = NULL;
  return list;
}

static void load_modules(void) {
  for (char** name = words_of("modules"); *name; name++) {
    int fd = open(*name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)) fail("load", *name);
    close(fd);
  }
}

// What systemd must find when it starts: this initramfs at /run/lab, the units in it, and no generators, each
// of which is a fork.
static void prepare_systemd(void) {
  mount_on("/", "/new/run/lab", NULL, MS_BIND, NULL);
  mkdir("/new/run/systemd", 0755);
  // A folder and no link: by it engines see that systemd runs.
  mount_on("/lab/units", "/new/run/systemd/system", NULL, MS_BIND, NULL);
  mount_on("tmpfs", "/new/usr/lib/systemd/system-generators", "tmpfs", 0, "");
}

static void make_root(int systemd) {
  const char* options = "trans=virtio,version=9p2000.L,msize=524288,cache=loose,access=any";
  mount_on("root", "/lower", "9p", MS_RDONLY, options);
  mount_on("tmpfs", "/over", "tmpfs", 0, "size=90%");
  mkdir("/over/upper", 0755);
  mkdir("/over/work", 0755);
  mount_on("overlay", "/new", "overlay", 0, "lowerdir=/lower,upperdir=/over/upper,workdir=/over/work");
  mkdir("/new/usr/lib/modules", 0755);
  mount_on("modules", "/new/usr/lib/modules", "9p", MS_RDONLY, options);
  mount_on("tmpfs", "/new/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755");
  mkdir("/new/run/lock", 01777);
  mount_on("proc", "/new/proc", "proc", 0, "");
  mount_on("sysfs", "/new/sys", "sysfs", 0, "");
  mount_on("cgroup2", "/new/sys/fs/cgroup", "cgroup2", 0, "nsdelegate");
  mount_on("dev", "/new/dev", "devtmpfs", 0, "");
  mount_on("devpts", "/new/dev/pts", "devpts", 0, "mode=620,ptmxmode=666,gid=5");
  mount_on("tmpfs", "/new/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  // Data roots of engines use overlayfs, which does not stand on another overlay.
  mount_on("tmpfs", "/new/var/lib/docker", "tmpfs", 0, "");
  mount_on("tmpfs", "/new/var/lib/containerd", "tmpfs", 0, "");
  mount_on("tmpfs", "/new/var/lib/containers", "tmpfs", 0, "");
  // Marks of a container that the outer machine may be; systemd would not read its kernel's command line.
  unlink("/new/.dockerenv");
  if (systemd) prepare_systemd();
  (void)!symlink("/proc/self/fd", "/new/dev/fd");
  (void)!symlink("/proc/self/fd/0", "/new/dev/stdin");
  (void)!symlink("/proc/self/fd/1", "/new/dev/stdout");
  (void)!symlink("/proc/self/fd/2", "/new/dev/stderr");
  if (chdir("/new") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
    fail("enter", "the new root");
}

static void bring_up_loopback(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) != 0) fail("bring up", "lo");
  close(fd);
}

static pid_t start(char** argv, char** env, const char* cwd, int out, int err) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  setsid();
  int null = open("/dev/null", O_RDONLY);
  dup2(null, 0);
  dup2(out, 1);
  dup2(err, 2);
  if (cwd && chdir(cwd) != 0) fprintf(stderr, "lab: cannot enter %s: %s\n", cwd, strerror(errno));
  execvpe(argv[0], argv, env);
  fprintf(stderr, "lab: cannot run %s: %s\n", argv[0], strerror(errno));
  _exit(errno == ENOENT ? 127 : 126);
}

// The kernel's own news of devices; group 1 is the kernel's, before any udev.
static int listen_for_devices(void) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
  int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
  if (fd < 0 || bind(fd, (struct sockaddr*)&address, sizeof(address)) != 0) fail("listen for", "devices");
  return fd;
}

static int find_port(const char* name) {
  char path[300], found[64];
  int port = -1;
  DIR* ports = opendir("/sys/class/virtio-ports");
  for (struct dirent* entry; port < 0 && ports && (entry = readdir(ports));) {
    snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
    FILE* file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
    if (!file) continue;
    if (!fgets(found, sizeof(found), file)) found[0] = '\0';
    fclose(file);
    found[strcspn(found, "\n")] = '\0';
    snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
    if (strcmp(found, name) == 0) port = open(path, O_WRONLY | O_CLOEXEC);
  }
  if (ports) closedir(ports);
  return port;
}

// Ports and their names come by messages after the driver is there: each is followed by an event.
static int open_port(const char* name, int devices) {
  char event[4096];
  for (;;) {
    const int port = find_port(name);
    if (port >= 0) return port;
    if (recv(devices, event, sizeof(event), 0) < 0 && errno != ENOBUFS && errno != EINTR)
      fail("find port", name);
  }
}

static void write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    ssize_t written = write(fd, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    data += written;
    size -= (size_t)written;
  }
}

// Copies what is there; false at the end of the stream or, with `rest`, when nothing more is in the pipe.
static int copy(int from, int to) {
  static char buffer[65536];
  ssize_t size = read(from, buffer, sizeof(buffer));
  if (size > 0) write_all(to, buffer, (size_t)size);
  return size > 0;
}

// Runs the command to its end and returns its exit code; reaps whatever else becomes a child meanwhile.
static int supervise(pid_t child, int signals, const int pipes[2], const int ports[2]) {
  struct pollfd polled[3] = {{.fd = signals, .events = POLLIN},
                             {.fd = pipes[0], .events = POLLIN},
                             {.fd = pipes[1], .events = POLLIN}};
  for (;;) {
    poll(polled, 3, -1);
    for (int stream = 0; stream < 2; stream++)
      if (polled[stream + 1].revents && !copy(pipes[stream], ports[stream])) polled[stream + 1].fd = -1;
    if (!polled[0].revents) continue;
    char note[64];
    (void)!read(signals, note, sizeof(note));
    int status, code = -1;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
      if (pid == child) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (code < 0) continue;
    // A daemon may hold the pipes open for ever: what is in them now is all that counts.
    for (int stream = 0; stream < 2; stream++) {
      fcntl(pipes[stream], F_SETFL, O_NONBLOCK);
      while (copy(pipes[stream], ports[stream])) {
      }
    }
    return code;
  }
}

// Each CPU says once a second that it still serves its timer: the machine outside can tell a CPU that has
// been lost from a command that takes long. Before everything else that runs, or a busy CPU would look like a
// lost one.
static int beat_port;
static void* beat(void* cpu) {
  const char word = (char)('0' + (intptr_t)cpu);
  for (;;) {
    (void)!write(beat_port, &word, 1);
    sleep(1);
  }
}

static void start_beating(void) {
  fcntl(beat_port, F_SETFL, O_NONBLOCK);
  const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
  const struct sched_param priority = {.sched_priority = 50};
  for (long cpu = 0; cpu < cpus && cpu < 10; cpu++) {
    pthread_t thread;
    pthread_attr_t attributes;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    pthread_attr_init(&attributes);
    pthread_attr_setaffinity_np(&attributes, sizeof(set), &set);
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &priority);
    errno = pthread_create(&thread, &attributes, beat, (void*)(intptr_t)cpu);
    if (errno != 0) fail("start", "the beat of a CPU");
  }
}

static int signal_pipe;
static void note_signal(int number) {
  char byte = (char)number;
  (void)!write(signal_pipe, &byte, 1);
}

struct orders {
  char **argv, **env, **cwd, **before;
};

static struct orders read_orders(void) {
  struct orders orders = {words_of("argv"), words_of("env"), words_of("cwd"), words_of("before")};
  return orders;
}

// Runs the command, tells its exit code, ends the machine.
static void serve(struct orders orders, int devices) {
  const int ports[2] = {open_port("lab.out", devices), open_port("lab.err", devices)};
  const int exit_port = open_port("lab.exit", devices);
  beat_port = open_port("lab.beat", devices);
  close(devices);
  int out[2], err[2], noted[2];
  if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || pipe2(noted, O_CLOEXEC | O_NONBLOCK))
    fail("make", "pipes");
  signal_pipe = noted[1];
  signal(SIGCHLD, note_signal);
  setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
  const int sources[2] = {out[0], err[0]};
  start_beating();

  int code = 0;
  if (orders.before[0])
    code = supervise(start(orders.before, orders.env, NULL, err[1], err[1]), noted[0], sources, ports);
  if (code == 0) {
    fcntl(out[0], F_SETFL, 0);
    fcntl(err[0], F_SETFL, 0);
    pid_t child = start(orders.argv, orders.env, orders.cwd[0], out[1], err[1]);
    close(out[1]);
    close(err[1]);
    code = supervise(child, noted[0], sources, ports);
  }
  char answer[16];
  const int size = snprintf(answer, sizeof(answer), "%d\n", code);
  write_all(exit_port, answer, (size_t)size);
  sync();
  reboot(RB_AUTOBOOT);
  for (;;)
    pause();
}

int main(int argc, char** arguments) {
  if (argc > 1) {
    initramfs = arguments[1];
    serve(read_orders(), listen_for_devices());
  }
  mount_on("proc", "/proc", "proc", 0, "");
  mount_on("dev", "/dev", "devtmpfs", 0, "");
  const int devices = listen_for_devices();
  load_modules();
  const struct orders orders = read_orders();
  char** manager = words_of("manager");
  make_root(manager[0] != NULL);
  bring_up_loopback();
  (void)!sethostname("lab", 3);
  if (!manager[0]) serve(orders, devices);
  execv(manager[0], manager);
  fail("run", manager[0]);
}
