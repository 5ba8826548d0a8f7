// Named places where a test may stop a process, or make it fail.
//
// Compiled in only with NACRE_FAILPOINTS (the dev preset; packages leave it out, then failpoint() is
// nothing). The variable NACRE_FAILPOINT holds `name=action[;name=action]`:
//   pause:/path/to/socket   connect to that unix stream socket, write "name pid\n", wait for one byte or EOF
//   error:words             throw Error(internal, name) because words
//   kill                    SIGKILL to this process
// Names are those of the timeline's phases ("vmm", "agent", ...), prefixed by the process for those that are
// not the sandbox process ("create.", "delete."); "undo.NAME" is the playback of a record of that name.
#pragma once

#include <string_view>

namespace nacre {

#ifdef NACRE_FAILPOINTS
void failpoint(std::string_view name);
#else
inline void failpoint(std::string_view) {}
#endif

} // namespace nacre
