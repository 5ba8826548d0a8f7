#include "shim/arguments.hpp"

#include "base/error.hpp"

#include <boost/program_options.hpp>

namespace nacre::shim {
namespace {

namespace po = boost::program_options;

po::options_description described(Arguments& to) {
  po::options_description options;
  auto add = options.add_options();
  add("id", po::value(&to.id));
  add("debug", po::bool_switch(&to.debug));
  add("namespace", po::value(&to.namespace_name));
  add("address", po::value(&to.address));
  add("publish-binary", po::value(&to.publish_binary));
  add("socket", po::value(&to.socket));
  add("bundle", po::value(&to.bundle));
  add("root", po::value(&to.root));
  add("state-dir", po::value(&to.state_dir));
  add("config", po::value(&to.config_file));
  add("systemd-cgroup", po::bool_switch(&to.systemd_cgroup));
  add("listen-fd", po::value(&to.listen_fd));
  add("fd-listen-fd", po::value(&to.descriptor_listen_fd));
  add("info", "");
  add("version,v", "");
  add("action", po::value<std::string>());
  return options;
}

Arguments::Action action_of(const po::variables_map& given) {
  if (given.contains("version")) return Arguments::Action::version;
  if (given.contains("info")) return Arguments::Action::info;
  if (!given.contains("action")) return Arguments::Action::serve;
  const auto& word = given["action"].as<std::string>();
  if (word == "start") return Arguments::Action::start;
  if (word == "delete") return Arguments::Action::remove;
  if (word == "sandbox") return Arguments::Action::sandbox;
  throw Error(ErrorCode::invalid_argument, "understand action", word)
      .hint("actions are start, delete and sandbox");
}

void require(const std::string& value, const char* option) {
  if (value.empty()) throw Error(ErrorCode::invalid_argument, "run without option", option);
}

void check(const Arguments& arguments) {
  using Action = Arguments::Action;
  if (arguments.action == Action::info || arguments.action == Action::version) return;
  if (arguments.action == Action::start) return; // standard input may say it
  require(arguments.id, "-id");
  const bool for_nacre = arguments.action == Action::sandbox || !arguments.state_dir.empty();
  if (for_nacre)
    require(arguments.state_dir, "--state-dir");
  else
    require(arguments.namespace_name, "-namespace");
  if (arguments.action == Action::sandbox && (arguments.listen_fd < 3 || arguments.descriptor_listen_fd < 3))
    throw Error(ErrorCode::invalid_argument, "run without --listen-fd and --fd-listen-fd")
        .hint("this program is started by nacre and by containerd");
}

} // namespace

Arguments parse_arguments(int argc, const char* const* argv) {
  Arguments arguments;
  const auto options = described(arguments);
  po::positional_options_description positional;
  positional.add("action", 1);
  po::variables_map given;
  try {
    using namespace po::command_line_style;
    const auto style = allow_long | allow_short | allow_dash_for_short | allow_long_disguise |
                       long_allow_adjacent | long_allow_next | short_allow_next;
    po::store(po::command_line_parser(argc, argv).options(options).positional(positional).style(style).run(),
              given);
    po::notify(given);
  } catch (const po::error& error) {
    throw Error(ErrorCode::invalid_argument, "understand arguments").because(error);
  }
  arguments.action = action_of(given);
  check(arguments);
  return arguments;
}

} // namespace nacre::shim
