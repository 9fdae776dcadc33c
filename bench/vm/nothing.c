// SPDX-License-Identifier: Apache-2.0
/* The program that is run to time running a program. */
int main(void)
{
	return 0;
}
