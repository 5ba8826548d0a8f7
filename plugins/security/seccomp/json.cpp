// Boost.JSON itself: Debian's static library is not position independent, and a plugin brings its own copy.
#include <boost/json/src.hpp>
