/* main.c: hands the arguments to the command that was asked for. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
