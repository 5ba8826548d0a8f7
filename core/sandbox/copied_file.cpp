#include "sandbox/copied_file.hpp"

#include "base/error.hpp"
#include "oci/file_io.hpp"

#include <nacre/plugin/storage.h>

#include <sys/stat.h>

namespace nacre::sandbox {

agent_client::v1::CopiedFile copy_of(const MountSource& source, const std::string& guest_path) {
  // The very file that was looked at, whatever has its name now.
  const std::string path = "/proc/self/fd/" + std::to_string(source.fd.get());
  struct stat status;
  check_errno(::fstat(source.fd.get(), &status), "look at mount source", source.path);
  if (!S_ISREG(status.st_mode) || status.st_size > std::int64_t{NACRE_COPY_BYTES_MAX})
    throw Error(ErrorCode::invalid_argument, "copy into the guest", source.path)
        .because("it is no regular file of at most " + std::to_string(NACRE_COPY_BYTES_MAX) + " bytes");
  agent_client::v1::CopiedFile file;
  file.set_path(guest_path);
  file.set_content(oci::read_file(path, NACRE_COPY_BYTES_MAX, "copy into the guest").value_or(std::string()));
  file.set_mode(status.st_mode & 07777);
  file.set_uid(status.st_uid);
  file.set_gid(status.st_gid);
  return file;
}

} // namespace nacre::sandbox
