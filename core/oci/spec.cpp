#include "oci/spec.hpp"

#include "base/error.hpp"
#include "oci/file_io.hpp"
#include "oci/spec_reader.hpp"

#include <boost/json/stream_parser.hpp>

#include <algorithm>
#include <sys/stat.h>

namespace nacre::oci {
namespace {

namespace json = boost::json;

// The object with its place in the file, as `line L, column C`.
std::string place_of(std::string_view text, std::size_t offset) {
  const auto before = text.substr(0, std::min(offset, text.size()));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto newline = before.rfind('\n');
  const auto column = 1 + (newline == std::string_view::npos ? before.size() : before.size() - newline - 1);
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

json::object parse_object(std::string_view text, const std::string& name) {
  json::parse_options options;
  options.max_depth = max_spec_depth;
  json::stream_parser parser({}, options);
  boost::system::error_code failure;
  const auto consumed = parser.write_some(text.data(), text.size(), failure);
  const bool complete = !failure && parser.done();
  if (!failure && complete && text.find_first_not_of(" \t\r\n", consumed) != std::string_view::npos)
    throw Error(ErrorCode::invalid_argument, name)
        .because("has something after the end of its JSON object, at " + place_of(text, consumed));
  if (!failure && !complete) parser.finish(failure);
  if (failure == json::error::incomplete)
    throw Error(ErrorCode::invalid_argument, name)
        .because("ends in the middle of its JSON")
        .hint("write it anew");
  if (failure && consumed < text.size() && (text[consumed] & 0x80) != 0)
    throw Error(ErrorCode::invalid_argument, name)
        .because("has a byte that is not UTF-8, as JSON must be, at " + place_of(text, consumed))
        .hint("write it in UTF-8; a file whose name is not can be mounted only with its folder");
  if (failure)
    throw Error(ErrorCode::invalid_argument, name)
        .because("is not valid JSON: " + failure.message() + " at " + place_of(text, consumed));
  auto value = parser.release();
  if (!value.is_object()) throw Error(ErrorCode::invalid_argument, name).because("is not a JSON object");
  return std::move(value.get_object());
}

void check_version(const Field& field, const std::string& version) {
  if (version.empty()) field.refuse("is missing", "write \"1.0.2\"");
  if (!version.starts_with("1."))
    field.refuse("is \"" + version + "\"", "this runtime understands versions 1.x");
}

Root read_root(const Field& field, const std::string& bundle) {
  field.require();
  Root root;
  const auto path = field.member("path");
  root.path = path.text();
  if (root.path.empty()) path.refuse("is missing", "name the folder that holds the root filesystem");
  if (root.path.front() != '/') root.path = bundle + "/" + root.path;
  root.readonly = field.member("readonly").flag();
  return root;
}

std::string read_name(const Field& field) {
  auto name = field.text();
  if (name.size() > 64) field.refuse("is longer than 64 bytes", "Linux takes no longer names");
  return name;
}

} // namespace

bool has_option(const StringList& options, std::string_view option) {
  return std::find(options.begin(), options.end(), option) != options.end();
}

bool Mount::is_bind() const {
  return type == "bind" || has_option(options, "bind") || has_option(options, "rbind");
}

bool Mount::is_read_only() const {
  return has_option(options, "ro") || has_option(options, "rro");
}

const json::object* linux_resources(const json::object& document) {
  const auto* linux_section = document.if_contains("linux");
  const auto* members = linux_section ? linux_section->if_object() : nullptr;
  const auto* resources = members ? members->if_contains("resources") : nullptr;
  return resources ? resources->if_object() : nullptr;
}

const Namespace* Linux::find(std::string_view type) const {
  const auto found =
      std::find_if(namespaces.begin(), namespaces.end(), [&](const auto& item) { return item.type == type; });
  return found == namespaces.end() ? nullptr : &*found;
}

Spec parse_spec(std::string_view text, const std::string& name, const std::string& bundle) {
  json::value value = parse_object(text, name);
  const Field document(&value, name);
  Spec spec;
  spec.version = document.member("ociVersion").text();
  check_version(document.member("ociVersion"), spec.version);
  if (document.member("process").present()) spec.process = read_process(document.member("process"));
  spec.root = read_root(document.member("root"), bundle);
  spec.hostname = read_name(document.member("hostname"));
  spec.domainname = read_name(document.member("domainname"));
  spec.mounts = read_mounts(document.member("mounts"));
  spec.hooks = read_hooks(document.member("hooks"));
  spec.annotations = read_text_map(document.member("annotations"));
  spec.linux = read_linux(document.member("linux"));
  spec.document = std::move(value.get_object());
  return spec;
}

Spec load_spec(const std::string& bundle) {
  const auto name = bundle + "/config.json";
  const auto text = read_file(name, max_spec_size, "read");
  if (!text)
    throw Error::from_errno(ENOENT, "open", name)
        .hint("make one with `nacre spec`, or name the bundle with --bundle");
  return parse_spec(*text, name, bundle);
}

ProcessDocument parse_process(std::string_view text, const std::string& name) {
  json::value value = parse_object(text, name);
  const Field document(&value, name);
  auto process = read_process(document);
  return {std::move(process), std::move(value.get_object())};
}

void require_rootfs(const Spec& spec) {
  struct stat status {};
  if (::stat(spec.root.path.c_str(), &status) < 0)
    throw Error::from_errno(errno, "open rootfs", spec.root.path)
        .hint("correct root.path in config.json, or make the folder");
  if (!S_ISDIR(status.st_mode))
    throw Error(ErrorCode::invalid_argument, "open rootfs", spec.root.path)
        .because("not a folder")
        .hint("correct root.path in config.json");
}

void require_mount_sources(const Spec& spec, const std::string& bundle) {
  for (const auto& mount : spec.mounts) {
    if (!mount.is_bind()) continue;
    const auto source = mount.source.front() == '/' ? mount.source : bundle + "/" + mount.source;
    struct stat status {};
    if (::lstat(source.c_str(), &status) < 0)
      throw Error::from_errno(errno, "open source of the mount on " + mount.destination, source)
          .hint("correct the mount in config.json, or make the source");
  }
}

} // namespace nacre::oci
