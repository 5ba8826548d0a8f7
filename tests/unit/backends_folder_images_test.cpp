// Which folders and files become images or copies.
#include "folder_images.hpp"

#include <catch.hpp>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace {

using namespace nacre;
using Catch::Matchers::ContainsSubstring;

class Sources {
public:
  Sources() {
    char name[] = "/tmp/nacre-sources-XXXXXX";
    path_ = ::mkdtemp(name);
    std::filesystem::create_directory(path_ + "/folder");
    std::ofstream(path_ + "/file") << "small";
    std::ofstream(path_ + "/large").close();
    std::filesystem::resize_file(path_ + "/large", NACRE_COPY_BYTES_MAX + 1);
    ::mkfifo((path_ + "/fifo").c_str(), 0600);
  }
  ~Sources() { std::filesystem::remove_all(path_); }
  sdk::MountRequest request(const std::string& name) const {
    sdk::MountRequest request;
    request.source = path_ + "/" + name;
    request.last_resort = true;
    return request;
  }

private:
  std::string path_;
};

sdk::Claim claim(const sdk::MountRequest& request, const std::string& options = "{}") {
  return block::FolderImages(sdk::Host(), block::ImageSettings(sdk::Options(options))).claim(request);
}

} // namespace

TEST_CASE("a folder is copied as the last resort only") {
  const Sources sources;
  auto root = sources.request("folder");
  root.is_rootfs = true;
  CHECK(claim(root).taken);
  root.last_resort = false;
  CHECK_THAT(claim(root).reason, ContainsSubstring("another plugin may share it as it is"));
}

TEST_CASE("a volume that the container may write to is copied where that is allowed") {
  const Sources sources;
  auto volume = sources.request("folder");
  CHECK_THAT(claim(volume).reason, ContainsSubstring("set copy_folder_volumes"));
  CHECK(claim(volume, R"({"copy_folder_volumes":true})").taken);
  volume.read_only = true;
  CHECK(claim(volume).taken);
}

TEST_CASE("a small file is copied, a large one is as a folder, a fifo is nothing") {
  const Sources sources;
  CHECK(claim(sources.request("file")).taken);
  auto large = sources.request("large");
  CHECK_THAT(claim(large).reason, ContainsSubstring("may write to this file"));
  CHECK(claim(large, R"({"copy_folder_volumes":true})").taken);
  large.read_only = true;
  CHECK(claim(large).taken);
  CHECK_THAT(claim(sources.request("fifo")).reason, ContainsSubstring("folders and files only"));
}

TEST_CASE("images are made nowhere where they are switched off") {
  const Sources sources;
  const std::string off = R"({"image_folders":false})";
  CHECK_THAT(claim(sources.request("file"), off).reason, ContainsSubstring("image_folders is false"));
  CHECK_THROWS_AS(block::ImageSettings(sdk::Options(R"({"image_cache_dir":"here"})")), sdk::Error);
}
