"""What the dashboard does, without Streamlit in it."""
