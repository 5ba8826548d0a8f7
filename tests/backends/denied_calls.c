/* Run under the VMM's list of system calls: prints what a few calls answer. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void* nothing(void* ret) {
  return ret;
}

static void tell(const char* name, long result) {
  printf("%s=%d\n", name, result < 0 ? errno : 0);
}

int main(void) {
  pthread_t thread;
  setvbuf(stdout, NULL, _IONBF, 0);
  tell("mount", mount("none", "/nonexistent", "tmpfs", 0, NULL));
  tell("inet", socket(AF_INET, SOCK_STREAM, 0));
  tell("unix", socket(AF_UNIX, SOCK_STREAM, 0));
  tell("unshare", unshare(CLONE_NEWUSER));
  tell("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
  tell("bpf", syscall(SYS_bpf, 0, NULL, 0));
  tell("setuid", setuid(1));
  tell("fork", fork());
  tell("clone3", syscall(SYS_clone3, NULL, 0));
  errno = pthread_create(&thread, NULL, nothing, NULL);
  tell("thread", errno == 0 && pthread_join(thread, NULL) == 0 ? 0 : -1);
  return 0;
}
