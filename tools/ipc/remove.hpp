// `ipc remove`: away with what the dead have left under a name.
#pragma once

namespace tools {

/// The whole of `ipc remove ADDRESS...`; `argv[0]` is what it calls itself. Removes what stands under
/// each ADDRESS, of whichever kind, damaged or whole, unread messages included. Says so and ends
/// with 1 where a receiver lives, after it has done the others.
int remove_main(int argc, char** argv);

}  // namespace tools
