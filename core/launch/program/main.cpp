// nacre-launch: from fork to exec of every process that Nacre starts, and the holder (docs/architecture.md).
//
// Static and small, without exceptions, streams or the C++ library's locale: a holder lives as long as its
// container.
#include "launch/program/modes.hpp"

#include <cstdlib>
#include <cstring>
#include <unistd.h>

int main(int argc, char** argv) {
  const char* mode = std::getenv("NACRE_LAUNCH_MODE");
  if (mode && std::strcmp(mode, "launch") == 0) nacre::launch::run_launcher();
  if (mode && std::strcmp(mode, "holder") == 0) nacre::launch::run_holder(argc > 0 ? argv[0] : "");
  static const char sentence[] =
      "nacre-launch is started by Nacre itself and does nothing when called by hand.\n";
  return ::write(STDERR_FILENO, sentence, sizeof(sentence) - 1) < 0 ? 2 : 1;
}
