/* pid 1 of the tests' guest. Says GUEST-UP on the console; then, by the kernel parameter test.mode: "reset"
 * resets, "panic" panics, "wait" tells PCI-ADDED and PCI-REMOVED as devices come and go (kernel uevents). */
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void say(const char* words) {
  if (write(1, words, strlen(words)) < 0) pause();
}

static void watch_devices(void) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
  const int events = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_KOBJECT_UEVENT);
  bind(events, (struct sockaddr*)&address, sizeof address);
  say("GUEST-UP\n");
  for (;;) {
    char event[8192];
    const ssize_t length = recv(events, event, sizeof event - 1, 0);
    if (length <= 0) continue;
    event[length] = 0;
    if (strstr(event, "/0000:") == NULL || strstr(event, "virtio") != NULL) continue;
    if (strncmp(event, "add@", 4) == 0) say("PCI-ADDED\n");
    if (strncmp(event, "remove@", 7) == 0) say("PCI-REMOVED\n");
  }
}

int main(void) {
  char parameters[4096] = "";
  mkdir("/dev", 0755);
  mkdir("/proc", 0755);
  mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
  const int console = open("/dev/console", O_RDWR);
  for (int fd = 0; fd < 3; ++fd)
    dup2(console, fd);
  mount("proc", "/proc", "proc", 0, NULL);
  const int file = open("/proc/cmdline", O_RDONLY);
  if (file < 0 || read(file, parameters, sizeof parameters - 1) <= 0) say("no parameters\n");
  if (strstr(parameters, "test.mode=wait") != NULL) watch_devices();
  say("GUEST-UP\n");
  if (strstr(parameters, "test.mode=panic") != NULL) return 1;
  reboot(RB_AUTOBOOT);
  for (;;)
    pause();
}
