/* cli.h: the commands. Each lives in a file of its own (cli/cmd_NAME.c) that ends in one const entry. */
#ifndef SB_CLI_CLI_H
#define SB_CLI_CLI_H

/* Runs the command named by argv[1]; returns the process's exit status (see exit.h). */
int cli_main(int argc, char **argv);

#endif
