// The program's actions; main() alone is apart so that tests can link them with another Sandbox.
#pragma once

namespace nacre::shim {

int shim_main(int argc, char** argv);

} // namespace nacre::shim
