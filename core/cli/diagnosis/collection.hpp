// `nacre collect`: what whoever looks into a problem wants to see, in one archive without secrets.
#pragma once

#include "cli/diagnosis/container_summary.hpp"
#include "cli/diagnosis/staging_folder.hpp"

#include <string>
#include <vector>

namespace nacre::cli {

class Collection {
public:
  Collection();

  // The container in the state folder `path`; in the archive it is `label`. First all are added, then they
  // are written, since a secret of one may stand in the log of another.
  void add_container(std::string label, std::string path);
  // Host, installation and configuration.
  void add_host(const std::string& config_file, const std::string& root);
  // Writes the archive. Throws Error.
  void write(const std::string& file);

  std::size_t containers() const noexcept { return containers_.size(); }

private:
  struct Container {
    std::string label, path, bundle;
  };
  void write_container(const Container& container);
  void write_log(const Container& container, const std::string& name);
  void write_document(const Container& container, const std::string& name);
  void write_bundle(const Container& container);
  void write_listing(const Container& container);
  void add(const std::string& path, std::string_view text);
  void add_masked(const std::string& path, std::string_view text) { add(path, secrets_.mask(text)); }
  void leave_out(const std::string& path, const std::string& why);

  StagingFolder staging_;
  Secrets secrets_;
  std::vector<Container> containers_;
  std::string left_out_; // one line each
};

// The state folders below the root: name in the archive and path. Folders that hold nothing of a container
// are passed over; those of containerd's namespaces are below "containerd". Throws Error when the root cannot
// be read; a missing one is empty.
std::vector<std::pair<std::string, std::string>> state_folders(const std::string& root);

} // namespace nacre::cli
