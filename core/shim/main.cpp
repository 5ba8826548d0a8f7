#include "shim/shim_main.hpp"

int main(int argc, char** argv) {
  return nacre::shim::shim_main(argc, argv);
}
