"""How results and findings are shown: tables for a terminal, pictures as files."""
