// nacre: the OCI command line and the operator's tool (docs/architecture.md).
#include "cli/verbs.hpp"

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

namespace {

// A caller may have closed one of 0 to 2; a file of ours must not land there and be taken for the container's
// output.
void fill_standard_descriptors() {
  int fd = 0;
  while (fd >= 0 && fd <= 2) {
    if (::fcntl(fd, F_GETFD) >= 0)
      ++fd;
    else if (::open("/dev/null", O_RDWR) < 0) // NOLINT: it takes the lowest free number
      return;
  }
}

} // namespace

int main(int argc, char** argv) {
  fill_standard_descriptors();
  ::signal(SIGPIPE, SIG_IGN);
  return nacre::cli::run_program(nacre::cli::Arguments(argv + 1, argv + argc));
}
