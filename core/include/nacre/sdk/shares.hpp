// For storage plugins that share one folder of the pod with the guest (NACRE_ATTACH_SHARED).
#ifndef NACRE_SDK_SHARES_HPP
#define NACRE_SDK_SHARES_HPP

#include <nacre/sdk/storage.hpp>

#include <sys/stat.h>

namespace nacre::sdk {

// What a share can bring into the guest: folders and files, also those of a disk that the host has mounted.
// Other sources belong to the host's kernel and are refused; `how` names the share in the reason ("9p").
inline Claim claim_for_share(const MountRequest& request, const std::string& how) {
  struct stat status {};
  switch (request.source_kind) {
  case NACRE_SOURCE_FOLDER:
  case NACRE_SOURCE_FILE:
    return Claim::yes();
  case NACRE_SOURCE_BLOCK:
    if (::stat(request.source.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return Claim::yes();
    return Claim::no(
        how + " shares files and folders; a block device in the guest needs a storage plugin for disks");
  case NACRE_SOURCE_CHAR:
    return Claim::no("a character device works in its own kernel only, not over " + how);
  case NACRE_SOURCE_SOCKET:
    return Claim::no("a socket connects processes of one kernel only, not over " + how);
  case NACRE_SOURCE_FIFO:
    return Claim::no("a fifo connects processes of one kernel only, not over " + how);
  default:
    return Claim::no(how + " shares files and folders only");
  }
}

// attach() of what claim_for_share() takes: the core puts the source into the share (NACRE_ATTACH_SHARED).
inline std::unique_ptr<Attachment> attach_to_share(const MountRequest& request, const std::string& how) {
  const Claim answer = claim_for_share(request, how);
  if (!answer.taken)
    throw Error(NACRE_E_UNSUPPORTED, "cannot share \"" + request.source + "\": " + answer.reason);
  return std::make_unique<Attachment>();
}

} // namespace nacre::sdk

#endif
