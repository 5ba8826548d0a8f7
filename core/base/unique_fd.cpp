#include "base/unique_fd.hpp"

#include "base/error.hpp"

#include <fcntl.h>

namespace nacre {

UniqueFd UniqueFd::duplicate() const {
  return UniqueFd(check_errno(::fcntl(fd_, F_DUPFD_CLOEXEC, 3), "duplicate descriptor"));
}

} // namespace nacre
