"""The script that the dashboard's server runs.

It lies in a folder of its own: beside a folder called ``pages`` Streamlit takes every file in it for a page by itself
until the script has run once, so that the address of a page opened first after a start would show nothing.
"""

from ui.app import main

main()
