/* cli.c: finds the command. */
#include "cli/cli.h"
#include "base/macros.h"

int cli_main(int argc UNUSED, char **argv UNUSED)
{
    return 0;
}
